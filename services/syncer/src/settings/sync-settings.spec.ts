import { expect, it } from 'vitest';
import { healthTimeoutMs, syncSettings } from './sync-settings.ts';

it('has Plumbline’s ways unless the installation wants Argo CD’s', () => {
  expect(syncSettings({})).toEqual({
    healthTimeoutMs: 300_000,
    timeoutMs: 0,
    awaitsLoadBalancers: false,
    supersedes: true,
    countsChildApplications: true,
    remembersFinishedJobs: true,
  });
  const compatible = {
    'plumbline.sync.healthTimeout': '0s',
    'plumbline.sync.awaitLoadBalancers': 'true',
    'plumbline.sync.supersede': 'false',
    'plumbline.health.childApplications': 'false',
    'plumbline.sync.rememberFinishedJobs': 'false',
  };
  expect(syncSettings(compatible)).toEqual({
    healthTimeoutMs: 0,
    timeoutMs: 0,
    awaitsLoadBalancers: true,
    supersedes: false,
    countsChildApplications: false,
    remembersFinishedJobs: false,
  });
});

it.each([
  ['10m', 600_000],
  ['90', 90_000],
  ['0s', 0],
  ['soon', 0],
])('ends a sync after plumbline.sync.timeout: %s, %i ms', (text, expected) => {
  expect(syncSettings({ 'plumbline.sync.timeout': text }).timeoutMs).toBe(expected);
});

it.each([
  [[], 300_000],
  [['HealthTimeout=90s'], 90_000],
  [['HealthTimeout=0'], 0],
  [['HealthTimeout=1m', 'HealthTimeout=2m'], 120_000],
  [['HealthTimeout=soon'], 300_000],
  [['healthTimeout=1m'], 300_000],
])('waits with the options %j for %i ms', (options, expected) => {
  expect(healthTimeoutMs(syncSettings({}), options)).toBe(expected);
});
