import { AppError, canonicalJson } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { isClientSide, nothingIgnored } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { limits } from '../limits.ts';
import { dryRun } from './dry-run.ts';
import type { Ignoring, Seen } from './ignoring.ts';
import type { Judgement } from './judge.ts';
import type { MemoStore } from './memo.ts';
import { isReplacedInPlace, memoOf, memoOfReplaced, substanceOf } from './memo.ts';
import { patchDryRun } from './patch-dry-run.ts';
import type { Verification } from './verification.ts';

/** What is held against each other in one look. */
export interface Look {
  desired: DesiredObject;
  live: KubeObject;
  /** The live object without what is ignored. */
  seen: Seen;
  schema: number | undefined;
}

export interface AskingOptions {
  kube: Pick<KubeClient, 'apply' | 'get' | 'mergePatch'>;
  memos: MemoStore;
  ignoring: Ignoring;
  verification: Verification;
  keyedHash(value: string): string;
  onDryRun?(): void;
}

export interface Asking {
  /** The server's word, from one dry run; kept until what it is about changes. */
  ask(look: Look): Promise<Judgement>;
  /** Looked through once a day although the memo answers. A server that can't say now is asked another time. */
  verify(look: Look): Promise<Judgement>;
  forget(key: string): void;
}

export function makeAsking({ kube, memos, ignoring, verification, keyedHash, onDryRun }: AskingOptions): Asking {
  const asked = new Map<string, { basis: string; judgement: Judgement }>();

  /** What a status says changes nothing about the answer. */
  const basisOf = ({ desired, live, schema }: Look): string =>
    keyedHash(`${live.metadata.uid} ${manifestBasis(desired)} ${schema} ${canonicalJson([substanceOf(live, desired.object), ownershipOf(live)])}`);

  const askNow = async (look: Look, basis: string): Promise<Judgement> => {
    const { desired, live, seen, schema } = look;
    onDryRun?.();
    const judgement = withProblems(await (isClientSide(desired.options) ? patchDryRun : dryRun)(desired, live, { kube, ignoring }), seen.problems);
    verification.done(desired.key);
    const memo = judgement.status === 'Synced' ? memoOf(desired, live, seen.object, { keyedHash, schema }) : undefined;
    if (memo !== undefined) memos.set(desired.key, memo);
    // From here on it is noticed when the manifest changes.
    else if (judgement.status === 'Synced' && isReplacedInPlace(desired) && memos.get(desired.key)?.uid !== live.metadata.uid) {
      memos.set(desired.key, memoOfReplaced(desired, live, { keyedHash, schema }));
    }
    if (asked.size >= limits.judgementsKeptMax) asked.clear();
    // A rule that could not be used just now may be usable at the next look.
    if (seen.isPassing) asked.delete(desired.key);
    else asked.set(desired.key, { basis, judgement });
    return judgement;
  };

  return {
    async ask(look) {
      const basis = basisOf(look);
      const known = asked.get(look.desired.key);
      return known?.basis === basis ? known.judgement : askNow(look, basis);
    },
    async verify(look) {
      try {
        const judgement = await askNow(look, basisOf(look));
        if (judgement.status === 'OutOfSync') memos.delete(look.desired.key);
        return judgement;
      } catch (error) {
        if (AppError.from(error).retry === 'later') return withProblems({ status: 'Synced', fields: [] }, look.seen.problems);
        throw error;
      }
    },
    forget: (key) => void asked.delete(key),
  };
}

export const withProblems = (judgement: Judgement, problems: readonly string[]): Judgement => (problems.length === 0 ? judgement : { ...judgement, problems });

/** What of the desired side a judgement is about. */
export function manifestBasis({ hash, ignored, respectsIgnored, adopts, options }: DesiredObject): string {
  const adopting = `${adopts === false ? '-' : adopts.join()}${isClientSide(options) ? ' client-side' : ''}`;
  return ignored === nothingIgnored ? `${hash} ${adopting}` : `${hash} ${adopting} ${respectsIgnored} ${canonicalJson(ignored)}`;
}

/** Who owns what, but for the status: rules name managers, and what a former tool owns is adopted. */
const ownershipOf = (live: KubeObject): unknown[] =>
  (live.metadata.managedFields ?? [])
    .filter(({ subresource }) => subresource !== 'status')
    .map(({ manager = '', operation = '', apiVersion = '', subresource = '', fieldsV1 = {} }) => [manager, operation, apiVersion, subresource, fieldsV1]);
