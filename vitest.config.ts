import { defineConfig } from 'vitest/config';

const resolve = { conditions: ['@plumbline/source'] };

/**
 * `unit`: pure and quick. `integration` (*.int.spec.ts): against real PostgreSQL, NATS, Redis, git or a real API
 * server. `e2e`: whole platform, public surfaces only.
 */
export default defineConfig({
  resolve,
  ssr: { resolve },
  test: {
    // How long something may take is not what tests say; the machine may be busy.
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{libs,services,cli,tools,faults,simulation}/**/*.spec.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '**/*.int.spec.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['{libs,services,cli,tools,faults}/**/*.int.spec.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 60_000,
          hookTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.e2e.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 120_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
