/**
 * How the programs are started. All paths are relative to the state directory, which is their working directory. What
 * is not said here is Kubernetes' own default: the point of this control plane is to behave like anybody's.
 */
const etcdSocket = 'unix://etcd.sock:0';
const etcdPeerSocket = 'unix://etcd-peer.sock:0';

export const etcdArguments = (): string[] => [
  '--name=plumbline',
  '--data-dir=etcd',
  `--listen-client-urls=${etcdSocket}`,
  `--advertise-client-urls=${etcdSocket}`,
  `--listen-peer-urls=${etcdPeerSocket}`,
  `--initial-advertise-peer-urls=${etcdPeerSocket}`,
  `--initial-cluster=plumbline=${etcdPeerSocket}`,
  '--log-level=warn',
];

export const apiServerArguments = (port: number): string[] => [
  `--etcd-servers=${etcdSocket}`,
  '--bind-address=127.0.0.1',
  `--secure-port=${port}`,
  '--cert-dir=certificates',
  '--authorization-mode=Node,RBAC',
  '--token-auth-file=tokens.csv',
  '--service-account-issuer=https://kubernetes.default.svc',
  '--service-account-key-file=service-accounts.pub',
  '--service-account-signing-key-file=service-accounts.key',
  '--service-cluster-ip-range=10.96.0.0/16',
  '--allow-privileged=true',
  // Nothing in this cluster could reach an endpoint on the loopback interface, and the server refuses to publish one.
  '--endpoint-reconciler-type=none',
];

/** More than two cores can answer. */
const unlimitedRequests = ['--kube-api-qps=5000', '--kube-api-burst=10000'];

export const controllerManagerArguments = (limited: boolean): string[] => [
  ...(limited ? [] : unlimitedRequests),
  '--kubeconfig=kubeconfig',
  '--leader-elect=false',
  '--secure-port=0',
  '--controllers=*,bootstrapsigner,tokencleaner',
  '--root-ca-file=certificates/apiserver.crt',
  '--service-account-private-key-file=service-accounts.key',
  // Its default lies under /usr, and is made when it isn't there.
  '--flex-volume-plugin-dir=volume-plugins',
];

export const schedulerArguments = (limited: boolean): string[] => [
  ...(limited ? [] : unlimitedRequests),
  '--kubeconfig=kubeconfig',
  '--leader-elect=false',
  '--secure-port=0',
];

/** The annotation by which KWOK knows the nodes that it plays. */
export const fakeNodeAnnotation = { name: 'kwok.x-k8s.io/node', value: 'fake' } as const;

export const kwokArguments = (stages: string): string[] => [
  '--kubeconfig=kubeconfig',
  `--config=${stages}`,
  '--manage-all-nodes=false',
  `--manage-nodes-with-annotation-selector=${fakeNodeAnnotation.name}=${fakeNodeAnnotation.value}`,
  // Renewed leases keep kube-controller-manager from evicting Pods of nodes that seem dead.
  '--node-lease-duration-seconds=40',
];
