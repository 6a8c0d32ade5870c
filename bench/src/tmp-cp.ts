import { startControlPlane } from '@plumbline/testing';
const cp = await startControlPlane({ stateDir: '/tmp/log-cp', progress: (l: string) => console.log(l) });
console.log('KUBECONFIG', cp.kubeconfig, process.pid);
process.on('SIGTERM', async () => { await cp.stop(); process.exit(0); });
setInterval(() => {}, 1000);
