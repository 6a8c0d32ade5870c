import type { ApplicationCondition, DriftedResource, ResourceRef } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { fieldManager } from '../field-managers.ts';
import { limits } from '../limits.ts';
import type { Judgement } from './judge.ts';

/**
 * Drifted objects as events tell them. Who owns what, what is ignored and why something is refused is told of as many as
 * there is room for in one event; the fields are told of all.
 */
export function makeDriftTeller(): (ref: ResourceRef, live: KubeObject | undefined, judgement: Judgement) => DriftedResource {
  let bytesLeft = limits.driftDetailBytesMax;
  return (ref, live, judgement) => {
    const drifted: DriftedResource = {
      ...ref,
      drift: live === undefined ? 'missing' : 'changed',
      fields: [...judgement.fields],
      ...(live === undefined ? {} : lastManager(live, judgement)),
    };
    const details: Pick<DriftedResource, 'owners' | 'ignored' | 'refused'> = {
      ...(judgement.owners === undefined ? {} : { owners: judgement.owners.map((owners) => [...owners]) }),
      ...(judgement.ignored === undefined ? {} : { ignored: [...judgement.ignored] }),
      ...(judgement.refused === undefined ? {} : { refused: judgement.refused.slice(0, limits.refusalCharsMax) }),
    };
    bytesLeft -= JSON.stringify(details).length;
    return bytesLeft < 0 ? drifted : { ...drifted, ...details };
  };
}

/** Who last changed one of the fields; where nobody owns them (they were taken away), who last wrote the object besides us. */
function lastManager(live: KubeObject, judgement: Judgement): { manager?: string } {
  const owners = (judgement.owners ?? []).flat().filter(({ manager }) => manager !== fieldManager.objects);
  const latest = owners.sort((a, b) => (b.at ?? '').localeCompare(a.at ?? ''))[0];
  if (latest !== undefined) return { manager: latest.manager };
  const others = (live.metadata.managedFields ?? []).filter((entry) => entry.manager !== fieldManager.objects && entry.subresource === undefined);
  const last = others.sort((a, b) => (a.time ?? '').localeCompare(b.time ?? '')).at(-1);
  return last?.manager === undefined ? {} : { manager: last.manager };
}

/**
 * What the comparison of objects has to say besides their status: manifests that the server refuses, and rules that can't
 * be used, each rule once however many objects it was for.
 */
export function judgementWarnings(judged: readonly { desired: { object: KubeObject }; judgement: Judgement }[]): ApplicationCondition[] {
  const refused = judged.flatMap(({ desired: { object }, judgement }) =>
    judgement.refused === undefined
      ? []
      : [`${object.kind} ${object.metadata.name}: the API server refuses the manifest: ${judgement.refused.slice(0, limits.refusalCharsMax)}`],
  );
  const problems = [...new Set(judged.flatMap(({ judgement }) => judgement.problems ?? []))];
  return [...upTo(refused, 'manifests that the API server refuses'), ...upTo(problems, 'rules that can not be used')].map((message) => ({
    type: 'ComparisonWarning',
    message,
  }));
}

function upTo(messages: readonly string[], what: string): string[] {
  const more = messages.length - limits.warningsShownMax;
  return more <= 0 ? [...messages] : [...messages.slice(0, limits.warningsShownMax), `${more} more ${what}`];
}
