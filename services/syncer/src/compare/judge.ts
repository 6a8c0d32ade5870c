import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { differingPaths, ownEntry } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import type { MemoStore } from './memo.ts';
import { memoOf, sameMemo, withoutIgnored } from './memo.ts';

export interface Judgement {
  status: 'Synced' | 'OutOfSync';
  /** JSON pointers of what applying the manifest would change; empty where only the manifest's hash was looked at. */
  fields: readonly string[];
  /** The server refuses the manifest: the reason. */
  refused?: string;
}

export interface JudgeOptions {
  kube: Pick<KubeClient, 'apply'>;
  memos: MemoStore;
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
  /** The answer of an apply: from now on the memo knows it. */
  applied(desired: DesiredObject, answer: KubeObject): void;
  forget(key: string): void;
}

const synced: Judgement = { status: 'Synced', fields: [] };
const outOfSync: Judgement = { status: 'OutOfSync', fields: [] };

/**
 * The API server is the judge of difference: an object is out of sync exactly when applying its manifest would change a
 * path that the manifest sets or that we own (architecture, "Difference").
 */
export function makeJudge(options: JudgeOptions): Judge {
  const { memos, keyedHash } = options;
  const asked = new Map<string, { basis: string; judgement: Judgement }>();
  /** Version of the live object and of the manifest that were last found in sync: most looks end here. */
  const settled = new Map<string, string>();

  const ask = async (desired: DesiredObject, live: KubeObject): Promise<Judgement> => {
    const basis = basisOf(desired, live);
    const known = asked.get(desired.key);
    if (known?.basis === basis) return known.judgement;
    options.onDryRun?.();
    const judgement = await dryRun(desired, live);
    if (judgement.status === 'Synced') {
      const memo = memoOf(desired, live, keyedHash);
      if (memo !== undefined) memos.set(desired.key, memo);
    }
    if (asked.size >= limits.judgementsKeptMax) asked.clear();
    asked.set(desired.key, { basis, judgement });
    return judgement;
  };

  const dryRun = async (desired: DesiredObject, live: KubeObject): Promise<Judgement> => {
    let answer: KubeObject;
    try {
      answer = await options.kube.apply(desired.object, { fieldManager: fieldManager.objects, dryRun: true });
    } catch (error) {
      const refusal = AppError.from(error);
      if (refusal.retry === 'later') throw refusal;
      return { status: 'OutOfSync', fields: [], refused: refusal.message };
    }
    const fields = changedPaths(desired, live, answer);
    return fields.length === 0 ? synced : { status: 'OutOfSync', fields: fields.slice(0, limits.fieldsShownMax) };
  };

  return {
    async judge(desired, live, isHasty) {
      if (live === undefined) return outOfSync;
      const basis = basisOf(desired, live);
      if (settled.get(desired.key) === basis) return synced;
      const memo = memos.get(desired.key);
      if (memo !== undefined && memo.uid === live.metadata.uid) {
        const now = memoOf(desired, live, keyedHash);
        if (now !== undefined && sameMemo(memo, now)) {
          settled.set(desired.key, basis);
          return synced;
        }
        if (isHasty && memo.manifest !== desired.hash) return outOfSync;
      }
      return ask(desired, live);
    },
    applied(desired, answer) {
      asked.delete(desired.key);
      const memo = memoOf(desired, answer, keyedHash);
      if (memo !== undefined) memos.set(desired.key, memo);
    },
    forget(key) {
      memos.delete(key);
      asked.delete(key);
      settled.delete(key);
    },
  };
}

const basisOf = (desired: DesiredObject, live: KubeObject): string =>
  `${live.metadata.uid} ${live.metadata.resourceVersion} ${desired.hash} ${desired.ignoredPointers.join()}`;

/** Where the answer differs from what is there, at paths that the manifest sets or that we owned until now. */
function changedPaths(desired: DesiredObject, live: KubeObject, answer: KubeObject): string[] {
  const [before, after] = [withoutIgnored(live, desired.ignoredPointers), withoutIgnored(answer, desired.ignoredPointers)];
  const owned = [ownEntry(answer, fieldManager.objects, 'Apply'), ownEntry(live, fieldManager.objects, 'Apply')];
  const paths = owned.flatMap((entry) => (entry?.fieldsV1 === undefined ? [] : differingPaths(before, after, entry.fieldsV1, desired.object)));
  return [...new Set(paths)];
}
