/**
 * One Kubernetes API server, as a port (`KubeClient`): discovery, reads, server-side apply, and list+watch that stays
 * right over days. It speaks HTTP/1.1 on kept connections with undici; `@kubernetes/client-node` asks credential plugins,
 * and does nothing else (its watch ends every 30 s and pages nothing; it takes 60 MB, so it is loaded only for those).
 *
 * Every failure leaves as an AppError that names the object and the server's reason. It never decides what to write,
 * keeps no objects (a watch remembers versions and metadata only), and never lets the content of a Secret into an error
 * or a log line.
 */
export * from './port.ts';
export { loadConnection, clusterConnection, type ClusterCredentials, type KubeConnection } from './connection.ts';
export { makeKubeClient, type KubeClientOptions } from './client.ts';
export { kubeLimits, type KubeLimits } from './limits.ts';
export { MemoryCluster, type MemoryClusterOptions } from './memory/memory-cluster.ts';
export { decodedData, partOfArgocd, watchData, type Data, type DataWatch, type DataWatchOptions } from './data-watch.ts';
