import { describeBusContract } from './contract.ts';
import { makeMemoryBus, makeMemoryNetwork } from './memory-bus.ts';

const network = makeMemoryNetwork();
describeBusContract('in memory', async () => makeMemoryBus(network));
