import type { IgnoredPlace, KubeObject } from '@plumbline/manifests';
import { controllerOwned, ignoredPlaces, nothingIgnored, ownEntry, pointersOfJqPaths, withLiveValues, withoutPlaces, withPlacesOf } from '@plumbline/manifests';
import type { DesiredObject } from '../desired/desired-object.ts';
import { fieldManager } from '../field-managers.ts';
import type { Jq } from './jq.ts';

/** An object as it is compared, and what was left out of it. */
export interface Seen {
  object: KubeObject;
  places: readonly IgnoredPlace[];
  /** Rules that could not be used, in words. */
  problems: readonly string[];
  /** One of them may be usable at the next look: what comes of this one is not to be kept. */
  isPassing: boolean;
}

export interface Ignoring {
  /** `object`: the live one, or what an apply would make of it. `live` says what managers own. */
  see(object: KubeObject, desired: DesiredObject, live: KubeObject): Promise<Seen>;
  /** The same without waiting; undefined where jq has to be asked. */
  seeAtOnce(object: KubeObject, desired: DesiredObject, live: KubeObject): Seen | undefined;
  /** The manifest without what is left to others when it is written: everything ignored where that is respected, and what controllers own. */
  leftToUs(desired: DesiredObject, live: KubeObject): Promise<KubeObject>;
  /** The same with what of it we own as it is: what writing it would send once that was handed over. */
  asHandedOver(desired: DesiredObject, live: KubeObject): Promise<KubeObject>;
  /** The manifest with what is left to others as it is in the live object, whoever owns it. */
  asReplaced(desired: DesiredObject, live: KubeObject): Promise<KubeObject>;
}

export function makeIgnoring(jq: Pick<Jq, 'paths'>): Ignoring {
  const places = async (object: KubeObject, desired: DesiredObject, live: KubeObject, match: 'exact' | 'lenient'): Promise<Omit<Seen, 'object'>> => {
    const { ignored } = desired;
    const found = placesAtOnce(object, desired, live, match);
    if (ignored.expressions.length === 0) return { places: found, problems: ignored.problems, isPassing: false };
    let isPassing = false;
    const problems = [...ignored.problems];
    const document = withoutManagedFields(object);
    for (const { expression, source } of ignored.expressions) {
      const answer = await jq.paths(expression, document);
      if ('paths' in answer) found.push(...pointersOfJqPaths(object, answer.paths).map((pointer) => ({ pointer, source })));
      else {
        isPassing ||= answer.isPassing === true;
        problems.push(`${source}: jq expression ${shown(expression)} is not used: ${isSecret(object) ? unsaid : answer.failure}`);
      }
    }
    return { places: found, problems, isPassing };
  };

  const left = async (desired: DesiredObject, live: KubeObject): Promise<readonly IgnoredPlace[]> =>
    desired.respectsIgnored ? (await places(desired.object, desired, live, 'lenient')).places : controllerOwned(desired.object, desired.object);

  return {
    async see(object, desired, live) {
      return seenWithout(object, await places(object, desired, live, 'exact'));
    },
    seeAtOnce(object, desired, live) {
      const { expressions, problems } = desired.ignored;
      return expressions.length > 0 ? undefined : seenWithout(object, { places: placesAtOnce(object, desired, live, 'exact'), problems, isPassing: false });
    },
    async leftToUs(desired, live) {
      const gone = await left(desired, live);
      return gone.length === 0 ? desired.object : withoutPlaces(desired.object, gone);
    },
    async asReplaced(desired, live) {
      const found = desired.respectsIgnored ? (await places(live, desired, live, 'exact')).places : controllerOwned(live, desired.object);
      return withPlacesOf(desired.object, await left(desired, live), live, found);
    },
    async asHandedOver(desired, live) {
      const gone = await left(desired, live);
      const owned = ownEntry(live, fieldManager.objects, 'Apply')?.fieldsV1 ?? {};
      return gone.length === 0 ? desired.object : withLiveValues(desired.object, gone, live, owned);
    },
  };
}

const seenWithout = (object: KubeObject, seen: Omit<Seen, 'object'>): Seen => ({
  object: seen.places.length === 0 ? object : withoutPlaces(object, seen.places),
  ...seen,
});

function placesAtOnce(object: KubeObject, { ignored, object: manifest }: DesiredObject, live: KubeObject, match: 'exact' | 'lenient'): IgnoredPlace[] {
  return [...controllerOwned(object, manifest), ...(ignored === nothingIgnored ? [] : ignoredPlaces(object, ignored, live, match))];
}

const unsaid = 'it failed on a Secret (what jq says is left out, it may quote the Secret)';
const shownMax = 120;
const shown = (expression: string): string => (expression.length <= shownMax ? expression : `${expression.slice(0, shownMax)} …`);
const isSecret = ({ apiVersion, kind }: KubeObject): boolean => apiVersion === 'v1' && kind === 'Secret';

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
