import { AppError, refreshRepository } from '@plumbline/contracts';
import { managingInstance, type KubeObject, groupVersionKind } from '@plumbline/manifests';
import type { Random } from '../random.ts';
import type { Simulation } from '../simulation.ts';
import { clusterAway } from '../twins/simulated-kube.ts';
import { RemoteRepository, type Files } from '../twins/remote-repository.ts';
import { applicationRef, manifestOf, someApplication, targetNamespace, type Wanted } from './applications.ts';
import { someFiles } from './manifests.ts';

/** A command that api said it has carried out. */
export interface Acknowledged {
  user: string;
  application: string;
  uid: string;
}

/** People, and the weather: what happens around the services. All of it is drawn from the seed. */
export class World {
  readonly applications: Wanted[] = [];
  readonly acknowledged: Acknowledged[] = [];
  readonly #simulation: Simulation;
  readonly #random: Random;
  #users = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#random = simulation.random.fork('world');
    const { applications, repositories } = simulation.plan;
    for (let i = 0; i < repositories; i++) simulation.remotes.push(new RemoteRepository(`https://git.example.org/team/repository-${i}.git`));
    for (let i = 0; i < applications; i++) this.applications.push(someApplication(i, repositories, this.#random));
    for (const remote of simulation.remotes) remote.commit(this.#soundFiles(remote));
    for (const wanted of this.applications) this.#declare(wanted);
  }

  remoteOf(wanted: Wanted): RemoteRepository {
    return this.#simulation.remotes[wanted.repository]!;
  }

  /** Spreads deeds and outages over the time of trouble. */
  begin(): void {
    const { agenda, plan } = this.#simulation;
    const random = this.#random;
    for (let i = 0; i < plan.deeds; i++) agenda.in(random.integer(0, plan.troubleMs), 'somebody does something', () => this.#deed());
    for (let i = 0; i < plan.outages; i++) agenda.in(random.integer(0, plan.troubleMs), 'something breaks', () => this.#outage());
  }

  /** The last word of people: every repository is sound again, and every application is declared once. */
  settle(): void {
    const { simulation } = { simulation: this.#simulation };
    simulation.network.isAway = false;
    for (const remote of simulation.remotes) {
      remote.isAway = false;
      remote.commit(this.#soundFiles(remote));
    }
  }

  #soundFiles(remote: RemoteRepository): Files {
    const paths = this.applications.filter((wanted) => this.remoteOf(wanted) === remote).map(({ path }) => path);
    return Object.assign({ 'README.md': 'about' }, ...paths.map((path) => someFiles(path, this.#random))) as Files;
  }

  #declare(wanted: Wanted): void {
    if (this.#simulation.cluster.get(applicationRef(wanted.name)) !== undefined) return;
    const object = manifestOf(wanted, this.remoteOf(wanted).url, this.#random.chance(0.7));
    this.#simulation.line(`WORLD declares ${wanted.name}`);
    this.#simulation.cluster.create(object, { fieldManager: 'kubectl' });
  }

  #deed(): void {
    const random = this.#random;
    const wanted = random.pick(this.applications);
    const deeds: (() => void)[] = [
      () => this.#push(wanted),
      () => this.#push(wanted),
      () => this.#breakFiles(wanted),
      () => this.#edit(wanted),
      () => this.#edit(wanted),
      () => this.#removeOrDeclare(wanted),
      () => this.#changePolicy(wanted),
      () => this.#sync(wanted),
      () => this.#sync(wanted),
    ];
    random.pick(deeds)();
  }

  #push(wanted: Wanted): void {
    const remote = this.remoteOf(wanted);
    const others = Object.entries(remote.filesAt(remote.head)).filter(([path]) => !path.startsWith(`${wanted.path}/`));
    const commit = remote.commit({ ...Object.fromEntries(others), ...someFiles(wanted.path, this.#random) });
    this.#simulation.line(`WORLD pushes ${commit.slice(0, 7)} for ${wanted.name}`);
    this.#tell(remote);
  }

  /** A webhook that came: api asks repo-watcher to look. */
  #tell(remote: RemoteRepository): void {
    const place = this.#simulation.places.get('api-0');
    const door = place?.started?.door;
    if (place?.process.isAlive !== true || door === undefined || this.#random.chance(0.3)) return;
    place.process.run(() => door.bus.call(refreshRepository, { urls: [remote.url], ref: 'refs/heads/main' })).catch(() => undefined);
  }

  #breakFiles(wanted: Wanted): void {
    const remote = this.remoteOf(wanted);
    const files = remote.filesAt(remote.head);
    const others = Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith(`${wanted.path}/`)));
    const broken = this.#random.pick<Files>([
      { ...files, [`${wanted.path}/broken.yaml`]: 'a: b: c: [' },
      { ...files, [`${wanted.path}/unknown.yaml`]: '{"apiVersion":"example.org/v1","kind":"Nobody","metadata":{"name":"n"}}' },
      { ...others, [`${wanted.path}/empty.yaml`]: '' },
      others,
    ]);
    this.#simulation.line(`WORLD pushes something bad for ${wanted.name}: ${remote.commit(broken).slice(0, 7)}`);
    this.#tell(remote);
  }

  /** Somebody edits or deletes a live object by hand. */
  #edit(wanted: Wanted): void {
    const { cluster } = this.#simulation;
    const managed = cluster.objects().filter((object) => managingInstance(object) === wanted.name);
    if (managed.length === 0) return;
    const object: KubeObject = this.#random.pick(managed);
    const ref = { ...groupVersionKind(object), namespace: targetNamespace, name: object.metadata.name };
    this.#simulation.line(`WORLD edits ${object.kind} ${object.metadata.name}`);
    if (this.#random.chance(0.3)) cluster.delete(ref, {});
    else if (object.kind === 'ConfigMap')
      cluster.mergePatch(ref, { data: { value: `edited ${this.#random.integer(0, 99)}` } }, { fieldManager: 'kubectl-edit' });
    else if (object.kind === 'Deployment') cluster.mergePatch(ref, { spec: { replicas: this.#random.integer(1, 5) } }, { fieldManager: 'kubectl-scale' });
  }

  #removeOrDeclare(wanted: Wanted): void {
    if (this.#simulation.cluster.get(applicationRef(wanted.name)) === undefined) return this.#declare(wanted);
    this.#simulation.line(`WORLD deletes ${wanted.name}`);
    this.#simulation.cluster.delete(applicationRef(wanted.name), {});
    if (this.#random.chance(0.7)) this.#simulation.agenda.in(this.#random.integer(0, 10_000), `again ${wanted.name}`, () => this.#declare(wanted));
  }

  #changePolicy(wanted: Wanted): void {
    const ref = applicationRef(wanted.name);
    if (this.#simulation.cluster.get(ref) === undefined) return;
    Object.assign(wanted, { prune: this.#random.chance(0.7), selfHeal: this.#random.chance(0.6), automated: this.#random.chance(0.8) });
    const { automated, prune, selfHeal } = wanted;
    const spec = { syncPolicy: automated ? { automated: { prune, selfHeal } } : null };
    this.#simulation.line(`WORLD sets ${wanted.name} to ${JSON.stringify(spec)}`);
    this.#simulation.cluster.mergePatch(ref, { spec }, { fieldManager: 'kubectl' });
  }

  /** By api, as a person who waits for the answer. */
  #sync(wanted: Wanted): void {
    const place = this.#simulation.places.get('api-0');
    const door = place?.started?.door;
    const uid = this.#simulation.cluster.get(applicationRef(wanted.name))?.metadata.uid;
    if (place === undefined || !place.process.isAlive || door === undefined || uid === undefined) return;
    const user = `user-${++this.#users}`;
    this.#simulation.line(`WORLD ${user} asks to sync ${wanted.name}`);
    const caller = { subject: user, groups: [], rights: { may: () => true }, token: '' } as never;
    place.process
      .run(() => door.commands.sync({ caller, from: '192.0.2.1' }, wanted.name, { prune: this.#random.chance(0.5) }))
      .then(
        (application) => {
          this.#simulation.line(`WORLD ${user} is told that ${wanted.name} will be synced`);
          this.acknowledged.push({ user, application: wanted.name, uid: application.metadata.uid ?? uid });
        },
        (error: unknown) => this.#simulation.line(`WORLD ${user} is refused: ${AppError.from(error).message}`),
      );
  }

  /** Another instance, somewhere else, believes that the owner is dead: it owns the cluster for a while, and does nothing. */
  takeLease(lastsMs: number): void {
    const { agenda, databases } = this.#simulation;
    // Between two transactions, as PostgreSQL would have it.
    if (!databases.access.server.isIdle()) return void agenda.in(1, 'the lease is not free', () => this.takeLease(lastsMs));
    this.#simulation.count('lease taken');
    this.#simulation.line('WORLD another instance takes the lease');
    const sql = `update log.lease set owner = 'syncer-elsewhere', epoch = epoch + 1, expires_at = clock_timestamp() + $1::interval`;
    databases.read(sql, [`${lastsMs} milliseconds`]);
  }

  #outage(): void {
    const simulation = this.#simulation;
    const { agenda, cluster } = simulation;
    const lastsMs = this.#random.integer(200, 15_000);
    const picked = this.#random.pick(['watch', 'jobs', 'bus', 'git', 'crash', 'crash', 'crash'] as const);
    const kind = lastsMs % 8 === 0 ? 'lease' : picked;
    switch (kind) {
      case 'watch': {
        const isTooOld = this.#random.chance(0.5);
        simulation.count('cut watch');
        if (isTooOld) simulation.count('relist');
        const kept = this.#random.integer(0, 3);
        const cut = cluster.cut(({ kind: name }) => name.length % 4 !== kept, clusterAway());
        agenda.in(lastsMs, 'watches again', () => cut.reconnect(isTooOld));
        return;
      }
      case 'jobs':
        simulation.count('wipe jobs');
        return simulation.jobs.wipe();
      case 'bus':
        simulation.count('bus away');
        simulation.network.isAway = true;
        agenda.in(lastsMs, 'bus again', () => void (simulation.network.isAway = false));
        return;
      case 'git': {
        const remote = this.#random.pick(simulation.remotes);
        simulation.count('git away');
        remote.isAway = true;
        agenda.in(lastsMs, 'git again', () => void (remote.isAway = false));
        return;
      }
      case 'lease':
        return this.takeLease(lastsMs);
      case 'crash':
        return simulation.crashService(this.#random.pick([...simulation.places.keys()]));
    }
  }
}
