export interface Definition {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: { group: string; scope: string; names: { plural: string; singular: string; kind: string; listKind: string }; versions: object[] };
}

const schemaOf = (spec: object): object => ({ openAPIV3Schema: { type: 'object', properties: { spec } } });

/** Kinds whose objects the server fills in, prunes, keeps as they are, or serves in two versions. */
export function definitions(group: string): Definition[] {
  const defaulted = {
    type: 'object',
    properties: {
      size: { type: 'integer' },
      mode: { type: 'string', default: 'quick' },
      nested: { type: 'object', properties: { depth: { type: 'integer', default: 3 } } },
      items: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name'],
          properties: { name: { type: 'string' }, port: { 'x-kubernetes-int-or-string': true, default: 80 } },
        },
      },
    },
  };
  const versioned = { type: 'object', properties: { size: { type: 'integer' }, note: { type: 'string' } } };
  return [
    definition(group, 'Defaulted', [{ name: 'v1', served: true, storage: true, schema: schemaOf(defaulted) }]),
    definition(group, 'Free', [
      { name: 'v1', served: true, storage: true, schema: schemaOf({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }) },
    ]),
    definition(group, 'Narrowed', [{ name: 'v1', served: true, storage: true, schema: schemaOf(versioned) }]),
    definition(group, 'Versioned', [
      { name: 'v1', served: true, storage: false, schema: schemaOf(versioned) },
      { name: 'v2', served: true, storage: true, schema: schemaOf(versioned) },
    ]),
  ];
}

function definition(group: string, kind: string, versions: object[]): Definition {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: { group, scope: 'Namespaced', names: { plural, singular, kind, listKind: `${kind}List` }, versions },
  };
}
