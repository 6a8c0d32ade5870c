import { describeKubeClient } from './contract/describe-kube-client.ts';
import { testClient } from '../test/real-server.ts';

describeKubeClient('a real one', testClient);
