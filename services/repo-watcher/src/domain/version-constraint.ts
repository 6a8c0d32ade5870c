import { Range, SemVer } from 'semver';

export type Version = SemVer;

const version = String.raw`v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?`;
const wildVersion = String.raw`v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*]))?(?:\.(?:\d+|[xX*]))?(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?`;
const comparator = new RegExp(String.raw`\s*(!=|=>|>=|=<|<=|~>|~|\^|=|>|<)?\s*(${wildVersion})\s*(?:,|\s|$)`, 'y');
const hyphenated = new RegExp(String.raw`(${wildVersion})\s+-\s+(${wildVersion})`, 'g');

/** Where npm spells an operator differently; `!=` is tested by hand. */
const npmOperators: Readonly<Record<string, string>> = { '=>': '>=', '=<': '<=', '~>': '~', '=': '', '!=': '' };

/** `1`, `v1.2`, `1.2.3-rc.1`: a version as Masterminds/semver reads it, missing parts are 0. */
export function parseVersion(text: string): Version | undefined {
  const match = new RegExp(`^${version}$`).exec(text);
  if (match === null || text.length > 256) return undefined;
  try {
    return new SemVer(`${match[1]}.${match[2] ?? 0}.${match[3] ?? 0}${match[4] ?? ''}${match[5] ?? ''}`);
  } catch {
    return undefined;
  }
}

/**
 * A constraint in the syntax of Masterminds/semver v3 (what Argo CD's users write): comparators joined by comma or space,
 * alternatives by `||`. Unlike npm's ranges it knows `!=`, and a prerelease satisfies it only when every comparator
 * of the alternative names one. Undefined when the text is no constraint.
 */
export function parseConstraint(text: string): ((candidate: Version) => boolean) | undefined {
  if (text.length > 256 || text.trim() === '') return undefined;
  const alternatives = text.split('||').map(parseAlternative);
  const sound = alternatives.filter((alternative) => alternative !== undefined);
  return sound.length < alternatives.length ? undefined : (candidate) => sound.some((satisfies) => satisfies(candidate));
}

function parseAlternative(text: string): ((candidate: Version) => boolean) | undefined {
  const source = text.replace(hyphenated, '>=$1, <=$2').trim();
  const wanted: Range[] = [];
  const excluded: Range[] = [];
  let allNamePrereleases = true;
  comparator.lastIndex = 0;
  while (comparator.lastIndex < source.length) {
    const match = comparator.exec(source);
    if (match === null) return undefined;
    const [, operator = '', wild = ''] = match;
    const range = rangeOf(npmOperators[operator] ?? operator, wild);
    if (range === undefined) return undefined;
    (operator === '!=' ? excluded : wanted).push(range);
    allNamePrereleases &&= wild.includes('-');
  }
  if (wanted.length + excluded.length === 0) return undefined;
  return (candidate) =>
    (candidate.prerelease.length === 0 || allNamePrereleases) &&
    wanted.every((range) => range.test(candidate)) &&
    !excluded.some((range) => range.test(candidate));
}

function rangeOf(operator: string, wild: string): Range | undefined {
  try {
    return new Range(`${operator}${wild.replace(/^v/, '')}`, { includePrerelease: true });
  } catch {
    return undefined;
  }
}
