import type { Clock } from '@plumbline/contracts';
import { AppError, canonicalJson } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { FieldOwner, KubeObject } from '@plumbline/manifests';
import { nothingIgnored, ownEntry } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import { dryRun } from './dry-run.ts';
import type { Seen } from './ignoring.ts';
import { makeIgnoring } from './ignoring.ts';
import { makeJq } from './jq.ts';
import type { MemoStore } from './memo.ts';
import { isAboutManifest, memoOf, sameMemo, substanceOf } from './memo.ts';
import { makeVerification } from './verification.ts';

export interface Judgement {
  status: 'Synced' | 'OutOfSync';
  /** JSON pointers (into the live object) of what applying the manifest would change; empty where only the manifest's hash was looked at. */
  fields: readonly string[];
  /** Of each of `fields`: who owns it now, latest first. */
  owners?: readonly (readonly FieldOwner[])[];
  /** What would change as well, were it not for a rule. */
  ignored?: readonly { field: string; rule: string }[];
  /** The server refuses the manifest: the reason. `fields` are then foretold without it. */
  refused?: string;
  /** Ignore rules that could not be used, in words. */
  problems?: readonly string[];
}

export interface JudgeOptions {
  kube: Pick<KubeClient, 'apply' | 'get'>;
  memos: MemoStore;
  clock: Clock;
  keyedHash(value: string): string;
  /** Ran a dry run: for metrics. */
  onDryRun?(): void;
}

export interface Judge {
  /**
   * Is the live object what applying the manifest would make of it? From the memo without any API call where the memo
   * answers; otherwise from one server-side dry run, whose answer is kept until manifest or live object change.
   * `isHasty`: a manifest other than the memo's is out of sync without asking (it is about to be applied anyway).
   */
  judge(desired: DesiredObject, live: KubeObject | undefined, isHasty: boolean): Promise<Judgement>;
  /** What of the manifest is written: without what is left to others (`RespectIgnoreDifferences`, controllers). */
  leftToUs(desired: DesiredObject, live: KubeObject): Promise<KubeObject>;
  /** The answer of an apply: from now on the memo knows it. */
  applied(desired: DesiredObject, answer: KubeObject): void;
  forget(key: string): void;
  stop(): Promise<void>;
}

const synced: Judgement = { status: 'Synced', fields: [] };
const outOfSync: Judgement = { status: 'OutOfSync', fields: [] };

/**
 * The API server is the judge of difference: an object is out of sync exactly when applying its manifest would change a
 * path that the manifest sets or that we own (architecture, "Difference").
 */
export function makeJudge(options: JudgeOptions): Judge {
  const { memos, keyedHash } = options;
  const jq = makeJq(options.clock);
  const ignoring = makeIgnoring(jq);
  const verification = makeVerification(options.clock);
  const asked = new Map<string, { basis: string; judgement: Judgement }>();
  /** Version of the live object and of the manifest that were last found in sync: most looks end here. */
  const settled = new Map<string, { basis: string; judgement: Judgement }>();

  const ask = async (desired: DesiredObject, live: KubeObject, seen: Seen, isAgain: boolean): Promise<Judgement> => {
    // What a status says, and who touched what else, changes nothing about the answer.
    const basis = keyedHash(`${live.metadata.uid} ${manifestBasis(desired)} ${canonicalJson(substanceOf(live))} ${ownershipOf(live)}`);
    const known = asked.get(desired.key);
    if (known?.basis === basis && !isAgain) return known.judgement;
    options.onDryRun?.();
    const judgement = withProblems(await dryRun(desired, live, { kube: options.kube, ignoring }), seen.problems);
    if (judgement.status === 'Synced') {
      const memo = memoOf(desired, live, seen.object, keyedHash);
      if (memo !== undefined) memos.set(desired.key, memo);
    } else settled.delete(desired.key);
    if (asked.size >= limits.judgementsKeptMax) asked.clear();
    asked.set(desired.key, { basis, judgement });
    return judgement;
  };

  /** Looked through once a day although the memo answers. A server that can't say now is asked another time. */
  const verify = async (desired: DesiredObject, live: KubeObject, seen: Seen): Promise<Judgement> => {
    try {
      const judgement = await ask(desired, live, seen, true);
      verification.done(desired.key);
      return judgement;
    } catch (error) {
      if (AppError.from(error).retry === 'later') return withProblems(synced, seen.problems);
      throw error;
    }
  };

  return {
    async judge(desired, live, isHasty) {
      if (live === undefined) return outOfSync;
      const basis = settledBasis(desired, live);
      const before = settled.get(desired.key);
      const isDue = verification.isDue(desired.key);
      if (before?.basis === basis && !isDue) return before.judgement;
      const seen = ignoring.seeAtOnce(live, desired, live) ?? (await ignoring.see(live, desired, live));
      const memo = memos.get(desired.key);
      if (memo !== undefined && memo.uid === live.metadata.uid) {
        const now = memoOf(desired, live, seen.object, keyedHash);
        if (now !== undefined && sameMemo(memo, now)) {
          if (isDue) return verify(desired, live, seen);
          const judgement = withProblems(synced, seen.problems);
          settled.set(desired.key, { basis, judgement });
          return judgement;
        }
        if (isHasty && !isAboutManifest(memo, desired)) return outOfSync;
      }
      return ask(desired, live, seen, false);
    },
    leftToUs: (desired, live) => ignoring.leftToUs(desired, live),
    applied(desired, answer) {
      asked.delete(desired.key);
      settled.delete(desired.key);
      // Where jq has to be asked first, the next look asks the server as well, and makes the memo.
      const seen = ignoring.seeAtOnce(answer, desired, answer);
      const memo = seen === undefined ? undefined : memoOf(desired, answer, seen.object, keyedHash);
      if (seen === undefined || memo === undefined) return memos.delete(desired.key);
      memos.set(desired.key, memo);
      // Also where the watch reads it in another version than the answer has.
      settled.set(desired.key, { basis: settledBasis(desired, answer), judgement: withProblems(synced, seen.problems) });
    },
    forget(key) {
      memos.delete(key);
      asked.delete(key);
      settled.delete(key);
    },
    stop: () => jq.stop(),
  };
}

const withProblems = (judgement: Judgement, problems: readonly string[]): Judgement => (problems.length === 0 ? judgement : { ...judgement, problems });

const settledBasis = (desired: DesiredObject, { metadata }: KubeObject): string => `${metadata.uid} ${metadata.resourceVersion} ${manifestBasis(desired)}`;

/** What of the desired side a judgement is about. */
const manifestBasis = ({ hash, ignored, respectsIgnored, adopts }: DesiredObject): string =>
  ignored === nothingIgnored ? `${hash} ${adopts}` : `${hash} ${adopts} ${respectsIgnored} ${canonicalJson(ignored)}`;

function ownershipOf(live: KubeObject): string {
  const entry = ownEntry(live, fieldManager.objects, 'Apply');
  return entry === undefined ? '' : canonicalJson([entry.apiVersion, entry.fieldsV1]);
}
