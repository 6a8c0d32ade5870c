import { describeJobsContract } from './contract.ts';
import { makeMemoryJobs } from './memory-jobs.ts';

describeJobsContract('in memory', async () => makeMemoryJobs());
