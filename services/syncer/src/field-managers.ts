/** Names under which Plumbline owns fields (architecture, "Difference"). */
export const fieldManager = {
  objects: 'plumbline',
  namespace: 'plumbline-namespace',
  status: 'plumbline-status',
} as const;
