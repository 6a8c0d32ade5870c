import { AppError } from '@plumbline/contracts';
import type { ApplicationSource, ApplicationSpec } from '@plumbline/contracts';

/** The one source that this version renders, and the path in it. */
export function sourceOf(spec: ApplicationSpec): { source: ApplicationSource; path: string } {
  const sources = spec.sources !== undefined && spec.sources.length > 0 ? spec.sources : spec.source === undefined ? [] : [spec.source];
  const [source] = sources;
  if (source === undefined) throw new AppError('invalid-argument', 'the application has no source: set spec.source');
  if (sources.length > 1)
    throw new AppError(
      'unsupported',
      `applications with several sources are not rendered by this version (this one has ${sources.length}): split the application, or put the parts into one repository`,
    );
  if (source.chart !== undefined && source.chart !== '')
    throw new AppError(
      'unsupported',
      `charts from a Helm repository are not fetched by this version: vendor chart ${source.chart} into a Git repository and set spec.source.path`,
    );
  if (source.path === undefined || source.path === '')
    throw new AppError('invalid-argument', 'spec.source.path is empty: name the directory to render, or . for the root of the repository');
  return { source, path: source.path };
}

/** What of a source decides how it is rendered; the rest says where it comes from. */
export function parametersOf(source: ApplicationSource): Record<string, unknown> {
  const { helm, kustomize, directory, plugin } = source;
  return Object.fromEntries(Object.entries({ helm, kustomize, directory, plugin }).filter(([, value]) => value !== undefined && value !== null));
}
