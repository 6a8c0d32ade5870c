import { createHash } from 'node:crypto';
import { makeMemoryBlobStore, makeSealer } from '@plumbline/blobs';
import { AppError, blobScope, type Logger } from '@plumbline/contracts';
import type { RunningConsumer } from '@plumbline/event-log';
import { MemoryCluster, type ObjectRef } from '@plumbline/kube';
import { Faults, noFaults, type FaultKind } from './faults.ts';
import type { Finding } from './invariants/broken-invariant.ts';
import { appendedBy, appendedByFormerOwner } from './invariants/ownership-watch.ts';
import { planOf, type Plan } from './plan.ts';
import type { Plant } from './plants.ts';
import { Random } from './random.ts';
import { startServiceIn, type ServiceName, type Started, type Surroundings } from './services/start-services.ts';
import type { Databases } from './sql/database.ts';
import type { DoneStatement } from './sql/pg-driver.ts';
import { Agenda } from './time/agenda.ts';
import { Process } from './time/process.ts';
import { enter } from './time/virtual-time.ts';
import type { RemoteRepository } from './twins/remote-repository.ts';
import { SimulatedNetwork } from './twins/simulated-bus.ts';
import { SimulatedJobs } from './twins/simulated-jobs.ts';
import { Controllers } from './world/controllers.ts';

export interface Place {
  service: ServiceName;
  /** Its name is the replica's. */
  process: Process;
  started: Started | undefined;
}

export interface SimulationOptions {
  /** Hears of every step. */
  onLine?(line: string): void;
  /** A bug to plant. */
  plant?: Plant;
}

const startMs = Date.parse('2026-06-01T00:00:00Z');
const key = Buffer.alloc(32, 7);
/** Of what was said, kept for whoever reads a failure. */
const linesKept = 400;

/** One seed: all services on twins, and everything that can be observed of them. */
export class Simulation {
  readonly seed: number;
  readonly plan: Plan;
  readonly random: Random;
  readonly agenda: Agenda;
  readonly faults: Faults;
  readonly cluster: MemoryCluster;
  readonly databases: Databases;
  readonly network: SimulatedNetwork;
  readonly jobs: SimulatedJobs;
  readonly remotes: RemoteRepository[] = [];
  readonly places = new Map<string, Place>();
  /** Everything that left a service for a place where secrets don't belong. */
  readonly said: string[] = [];
  /** Invariants that were broken in the middle of something. */
  readonly violations: Finding[] = [];
  /** Looks at a deletion that a syncer asks for. */
  onDelete: (ref: ObjectRef) => string | undefined = () => undefined;
  /** The last steps, newest last. */
  readonly lines: string[] = [];
  readonly #trace = createHash('sha256');
  readonly #surroundings: Surroundings;
  readonly #options: SimulationOptions;
  readonly #running = new Map<Process, RunningConsumer[]>();
  #lives = 0;

  constructor(seed: number, databases: Databases, options: SimulationOptions = {}) {
    this.seed = seed;
    this.databases = databases;
    this.#options = options;
    this.random = new Random(seed);
    this.plan = planOf(this.random.fork('plan'));
    this.agenda = new Agenda(startMs, this.random.fork('agenda'), (kept) => this.line(kept.label));
    enter(this);
    const { agenda } = this;
    this.faults = new Faults({
      agenda,
      random: this.random.fork('faults'),
      rates: this.plan.rates ?? noFaults,
      crash: (process, where) => this.crash(process, where),
    });
    const controllers = new Controllers(agenda, this.random.fork('controllers'));
    this.cluster = new MemoryCluster({ clock: () => agenda.nowMs, changed: ({ object, isGone }) => isGone || controllers.changed(this.cluster, object) });
    this.network = new SimulatedNetwork(this.faults, agenda, (text) => void this.said.push(text));
    this.jobs = new SimulatedJobs(this.faults, agenda);
    databases.access.faults = this.faults;
    databases.access.observe = (process, done) => this.#observe(process, done);
    this.#surroundings = this.#makeSurroundings();
    for (const name of ['argocd', 'default']) this.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, {});
  }

  /** Hash of every step: the same for the same seed and code. */
  traceHash(): string {
    return this.#trace.copy().digest('hex').slice(0, 16);
  }

  line(text: string): void {
    const line = `${((this.agenda.nowMs - startMs) / 1000).toFixed(4)} ${text}`;
    this.#trace.update(`${line}\n`);
    this.lines.push(line);
    if (this.lines.length > linesKept) this.lines.shift();
    this.#options.onLine?.(line);
  }

  start(service: ServiceName, replica = 0): void {
    const name = `${service}-${replica}`;
    const process = new Process(name, ++this.#lives);
    const place: Place = { service, process, started: undefined };
    this.places.set(name, place);
    this.line(`${name} starts`);
    process
      .run(() => startServiceIn(service, process, this.#surroundings))
      .then(
        (started) => {
          place.started = started;
          this.line(`${name} started`);
        },
        (error: unknown) => this.crash(process, `failed to start: ${AppError.from(error).message}`),
      );
  }

  /** It ends without a word and is started again a moment later, as by Kubernetes. */
  crash(process: Process, where: string): void {
    if (!process.isAlive) return;
    this.line(`CRASH of ${process.name}: ${where}`);
    process.kill();
    const place = this.places.get(process.name);
    if (place === undefined || place.process !== process) return;
    const replica = Number(process.name.slice(process.name.lastIndexOf('-') + 1));
    this.agenda.in(this.random.integer(100, 4_000), `restart of ${process.name}`, () => this.start(place.service, replica));
  }

  crashService(name: string): void {
    const place = this.places.get(name);
    if (place === undefined || !place.process.isAlive) return;
    this.faults.count('crash');
    this.crash(place.process, 'killed');
  }

  count(kind: FaultKind): void {
    this.faults.count(kind);
  }

  isRunning(): boolean {
    return [...this.places.values()].every(({ process, started }) => process.isAlive && started?.isReady() === true);
  }

  /** Nothing of it goes on when the next one begins. */
  end(): void {
    for (const { process } of this.places.values()) process.kill();
    this.databases.access.faults = undefined;
    this.databases.access.observe = undefined;
  }

  /** The consumers that run now, each with how far it is. */
  running(): RunningConsumer[] {
    return [...this.places.values()].flatMap(({ process }) => (process.isAlive ? (this.#running.get(process) ?? []) : []));
  }

  violate(invariant: string, message: string | undefined): void {
    if (message !== undefined) this.violations.push({ invariant, message });
  }

  #observe(process: string, done: DoneStatement): void {
    const appended = appendedBy(done);
    if (appended === undefined) return;
    this.line(`LOG ${process} appends ${appended.map(({ type, stream }) => `${type} to ${stream}`).join()}`);
    this.violate('no append by a former owner', appendedByFormerOwner(this.databases, process, appended));
  }

  #makeSurroundings(): Surroundings {
    const { agenda, faults, cluster, databases, network, jobs, remotes } = this;
    const store = makeMemoryBlobStore();
    return {
      plant: this.#options.plant,
      agenda,
      faults,
      cluster,
      databases,
      network,
      jobs,
      remotes,
      mirrors: new Map(),
      key,
      sealer: makeSealer(key),
      blobs: {
        ...store,
        put: (scope, blobs) => {
          // What Git delivers is as it was pushed; everything else is ours.
          if (!scope.startsWith(blobScope.git(''))) for (const { bytes } of blobs) this.said.push(Buffer.from(bytes).toString('utf8'));
          return store.put(scope, blobs);
        },
      },
      loggerOf: (process) => this.#loggerOf(process),
      exit: (process) => this.crash(process, 'ended itself'),
      consumes: (process, started) => void this.#running.set(process, [...(this.#running.get(process) ?? []), started]),
      deletes: (process, ref) => {
        if (process.name.startsWith('syncer-')) this.violate('nothing is pruned that is wanted', this.onDelete(ref));
      },
    };
  }

  #loggerOf(process: Process): Logger {
    const say =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
        const text = `${process.name} ${level}: ${message} ${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.message : value))}`;
        this.said.push(text);
        if (level !== 'debug') this.line(text.slice(0, 300));
      };
    const logger: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), child: () => logger };
    return logger;
  }
}
