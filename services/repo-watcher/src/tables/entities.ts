import { EntitySchema } from 'typeorm';

/** One application follows one ref of one repository. */
export interface WantedRow {
  /** Stream of the application. */
  application: string;
  repository: string;
  /** As typed. */
  ref: string;
  /** Name of the chart where the repository is one of charts, else empty. */
  chart: string;
  /** Address without user info. */
  url: string;
  /** Host and path of the address: what webhooks are matched by. */
  place: string;
}

export const wantedEntity = new EntitySchema<WantedRow>({
  name: 'wanted',
  columns: {
    application: { type: 'text', primary: true },
    repository: { type: 'text', primary: true },
    ref: { type: 'text', primary: true },
    chart: { type: 'text', primary: true },
    url: { type: 'text' },
    place: { type: 'text' },
  },
  indices: [
    { name: 'wanted_repository', columns: ['repository'] },
    { name: 'wanted_place', columns: ['place'] },
  ],
});

/** State of a repository after `version` events of its stream, so that a start needn't read them all again. */
export interface SnapshotRow {
  repository: string;
  version: number;
  status: string;
  /** JSON of the domain's RepositoryState. */
  state: string;
}

export const snapshotEntity = new EntitySchema<SnapshotRow>({
  name: 'snapshot',
  columns: {
    repository: { type: 'text', primary: true },
    version: { type: 'int' },
    status: { type: 'text' },
    state: { type: 'text' },
  },
});
