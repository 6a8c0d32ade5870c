import type { ApplicationSource, ApplicationSpec } from '@plumbline/contracts';

/**
 * A spec that may be recorded: what commonly holds secrets (Helm values and parameters, plugin settings, user info in
 * addresses) becomes a keyed hash, which tells whether two are the same and nothing else.
 */
export function redactSpec(spec: ApplicationSpec, keyedHash: (value: string) => string): Record<string, unknown> {
  const hidden = (value: unknown): string => `redacted:${keyedHash(JSON.stringify(value) ?? '').slice(0, 16)}`;
  const redactSource = (source: ApplicationSource): Record<string, unknown> => {
    const { helm, plugin, kustomize, repoURL, ...rest } = source;
    return {
      ...rest,
      ...(typeof repoURL === 'string' ? { repoURL: withoutUserInfo(repoURL) } : {}),
      ...(plugin === undefined ? {} : { plugin: hidden(plugin) }),
      ...(kustomize === undefined ? {} : { kustomize: { ...kustomize, ...(kustomize.patches === undefined ? {} : { patches: hidden(kustomize.patches) }) } }),
      ...(helm === undefined ? {} : { helm: redactHelm(helm, hidden) }),
    };
  };
  const { source, sources, info, ...rest } = spec;
  return {
    ...rest,
    ...(source === undefined ? {} : { source: redactSource(source) }),
    ...(Array.isArray(sources) ? { sources: sources.map(redactSource) } : {}),
    ...(info === undefined ? {} : { info: hidden(info) }),
  };
}

/**
 * The recorded spec as it may be shown: of the shape that clients of Argo CD expect. It is redacted already when it is
 * recorded; what somebody forgot to redact is covered here.
 */
export function coverSpec(spec: ApplicationSpec, keyedHash: (value: string) => string): ApplicationSpec {
  const hide = (value: unknown): string =>
    typeof value === 'string' && isCover.test(value) ? value : `redacted:${keyedHash(JSON.stringify(value) ?? '').slice(0, 16)}`;
  const hideObject = (value: Record<string, unknown>): Record<string, unknown> => ({
    redacted: hide(Object.keys(value).length === 1 ? (value['redacted'] ?? value) : value),
  });
  const cover = (source: ApplicationSource): ApplicationSource => {
    const { helm, plugin } = source;
    return {
      ...source,
      repoURL: withoutUserInfo(source.repoURL),
      ...(plugin === undefined ? {} : { plugin: hideObject(plugin) }),
      ...(helm === undefined
        ? {}
        : {
            helm: {
              ...helm,
              ...(helm.values === undefined ? {} : { values: hide(helm.values) }),
              ...(helm.valuesObject === undefined ? {} : { valuesObject: hideObject(helm.valuesObject) }),
              ...(helm.parameters === undefined ? {} : { parameters: helm.parameters.map((parameter) => ({ ...parameter, value: hide(parameter.value) })) }),
            },
          }),
    };
  };
  const { source, sources } = spec;
  return { ...spec, ...(source === undefined ? {} : { source: cover(source) }), ...(sources === undefined ? {} : { sources: sources.map(cover) }) };
}

const isCover = /^redacted:[0-9a-f]{1,16}$/;

function redactHelm(helm: NonNullable<ApplicationSource['helm']>, hidden: (value: unknown) => string): Record<string, unknown> {
  const { values, valuesObject, parameters, valueFiles, ...rest } = helm;
  return {
    ...rest,
    ...(Array.isArray(valueFiles) ? { valueFiles: valueFiles.map(withoutUserInfo) } : {}),
    ...(values === undefined ? {} : { values: hidden(values) }),
    ...(valuesObject === undefined ? {} : { valuesObject: hidden(valuesObject) }),
    ...(Array.isArray(parameters) ? { parameters: parameters.map((parameter) => ({ name: parameter.name, value: hidden(parameter.value) })) } : {}),
  };
}

export const withoutUserInfo = (url: string): string => url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
