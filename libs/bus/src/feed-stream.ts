import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { feedSubject } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';
import { limits } from './limits.ts';

export const feedStreamName = (prefix: string): string => `${prefix.toUpperCase()}_FEED`;

/**
 * Lets JetStream keep the latest announcements, so that a subscriber outside the platform can catch up without asking
 * us. Nothing of ours reads it: JetStream acknowledges before it is on disk, the log is in PostgreSQL.
 */
export async function keepAnnouncements(connection: NatsConnection, prefix: string, log: Logger): Promise<void> {
  if (connection.info?.jetstream !== true) return;
  const name = feedStreamName(prefix);
  const wanted = {
    subjects: [`${prefix}.${feedSubject}`],
    max_age: limits.feedStreamAgeMs * 1_000_000,
    max_bytes: limits.feedStreamBytesMax,
  };
  try {
    const { streams } = await jetstreamManager(connection);
    try {
      await streams.update(name, wanted);
    } catch {
      await streams.add({ name, ...wanted });
    }
  } catch (error) {
    log.warn('announcements are not kept in JetStream; only subscribers outside the platform miss something', { stream: name, error });
  }
}
