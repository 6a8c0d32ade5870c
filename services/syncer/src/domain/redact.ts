import type { ApplicationSource, ApplicationSpec } from '@plumbline/contracts';

/**
 * The spec as the log may hold it. Helm values and parameters, plugin environment and URL user info can carry secrets:
 * each becomes `redacted:<keyed hash>`, which says whether it changed and nothing else.
 */
export function redactSpec(spec: ApplicationSpec, keyedHash: (value: string) => string): ApplicationSpec {
  return {
    ...spec,
    ...(spec.source === undefined ? {} : { source: redactSource(spec.source, keyedHash) }),
    ...(spec.sources === undefined ? {} : { sources: spec.sources.map((source) => redactSource(source, keyedHash)) }),
  };
}

function redactSource(source: ApplicationSource, keyedHash: (value: string) => string): ApplicationSource {
  const hide = (value: string): string => `redacted:${keyedHash(value).slice(0, 16)}`;
  const { helm, plugin } = source;
  return {
    ...source,
    repoURL: withoutUserInfo(source.repoURL),
    ...(helm === undefined
      ? {}
      : {
          helm: {
            ...helm,
            ...(helm.values === undefined ? {} : { values: hide(helm.values) }),
            ...(helm.valuesObject === undefined ? {} : { valuesObject: { redacted: hide(JSON.stringify(helm.valuesObject)) } }),
            ...(helm.parameters === undefined ? {} : { parameters: helm.parameters.map((parameter) => ({ ...parameter, value: hide(parameter.value) })) }),
          },
        }),
    ...(plugin === undefined ? {} : { plugin: { redacted: hide(JSON.stringify(plugin)) } }),
  };
}

/** `https://user:token@host/x` → `https://host/x`; anything without user info is left as it is. */
export function withoutUserInfo(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, (whole, scheme: string) =>
    scheme.toLowerCase().startsWith('ssh') ? whole.replace(/:[^@/]*@/, '@') : scheme,
  );
}
