import type { Clock } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { FieldOwner, KubeObject } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { Look } from './asking.ts';
import { makeAsking, manifestBasis, withProblems } from './asking.ts';
import { makeIgnoring } from './ignoring.ts';
import { makeJq } from './jq.ts';
import type { MemoStore } from './memo.ts';
import { isAboutManifest, isReplacedInPlace, memoOf, memoOfReplaced, sameMemo } from './memo.ts';
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
  kube: Pick<KubeClient, 'apply' | 'get' | 'mergePatch'>;
  memos: MemoStore;
  clock: Clock;
  keyedHash(value: string): string;
  /** Generation of the schema behind a kind of a CustomResourceDefinition, where it is known. */
  schemaOf?(object: KubeObject): Promise<number | undefined>;
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
  /** The manifest with all that is left to others as it is: what replaces the whole object. */
  asReplaced(desired: DesiredObject, live: KubeObject): Promise<KubeObject>;
  /** The answer of an apply: from now on the memo knows it. */
  applied(desired: DesiredObject, answer: KubeObject): Promise<void>;
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
  const asking = makeAsking({ ...options, ignoring, verification });
  /** Version of the live object and of the manifest that were last found in sync: most looks end here. */
  const settled = new Map<string, { basis: string; judgement: Judgement }>();

  return {
    async judge(desired, live, isHasty) {
      if (live === undefined) return outOfSync;
      const schema = await options.schemaOf?.(desired.object);
      const basis = settledBasis(desired, live, schema);
      const before = settled.get(desired.key);
      let due: boolean | undefined;
      const isDue = (): boolean => (due ??= verification.isDue(desired.key));
      if (before?.basis === basis && !isDue()) return before.judgement;
      settled.delete(desired.key);
      const seen = ignoring.seeAtOnce(live, desired, live) ?? (await ignoring.see(live, desired, live));
      const look: Look = { desired, live, seen, schema };
      const memo = memos.get(desired.key);
      if (memo !== undefined && memo.uid === live.metadata.uid) {
        const now = memoOf(desired, live, seen.object, { keyedHash, schema });
        if (now !== undefined && sameMemo(memo, now)) {
          if (isDue()) return asking.verify(look);
          if (schema !== undefined && memo.manifest !== now.manifest) memos.set(desired.key, now);
          const judgement = withProblems(synced, seen.problems);
          if (!seen.isPassing) settled.set(desired.key, { basis, judgement });
          return judgement;
        }
        if (isHasty && !isAboutManifest(memo, desired)) return outOfSync;
        if (isReplacedInPlace(desired) && !isAboutManifest(memo, desired)) return orLeftOver(await asking.ask(look));
      }
      return asking.ask(look);
    },
    leftToUs: (desired, live) => ignoring.leftToUs(desired, live),
    asReplaced: (desired, live) => ignoring.asReplaced(desired, live),
    async applied(desired, answer) {
      asking.forget(desired.key);
      settled.delete(desired.key);
      const schema = await options.schemaOf?.(desired.object);
      const seen = await ignoring.see(answer, desired, answer);
      const memo = isReplacedInPlace(desired)
        ? memoOfReplaced(desired, answer, { keyedHash, schema })
        : memoOf(desired, answer, seen.object, { keyedHash, schema });
      if (memo === undefined || seen.isPassing) return void memos.delete(desired.key);
      memos.set(desired.key, memo);
      // Also where the watch reads it in another version than the answer has.
      settled.set(desired.key, { basis: settledBasis(desired, answer, schema), judgement: withProblems(synced, seen.problems) });
    },
    forget(key) {
      memos.delete(key);
      asking.forget(key);
      settled.delete(key);
    },
    stop: () => jq.stop(),
  };
}

/**
 * Of another manifest than the one that the object was made from: replacing takes away what only the former one had, too, and
 * that the server doesn't tell.
 */
const orLeftOver = (judgement: Judgement): Judgement => (judgement.status === 'Synced' ? { ...judgement, status: 'OutOfSync' } : judgement);

const settledBasis = (desired: DesiredObject, { metadata }: KubeObject, schema: number | undefined): string =>
  `${metadata.uid} ${metadata.resourceVersion} ${manifestBasis(desired)} ${schema}`;
