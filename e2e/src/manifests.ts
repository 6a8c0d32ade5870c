/** The tutorial's mini-lab, with its indentation back, in a namespace of the test's own. */
export const nginx = (options: { namespace?: string; replicas?: number; image?: string; service?: boolean } = {}): string => {
  const { namespace, replicas = 2, image = 'nginx:1.21', service = true } = options;
  const inNamespace = namespace === undefined ? '' : `\n  namespace: ${namespace}`;
  const deployment = `# This deployment creates a simple nginx web server
apiVersion: apps/v1
kind: Deployment
metadata:
  name: nginx-demo${inNamespace}
spec:
  replicas: ${replicas} # Start with 2 replicas
  selector:
    matchLabels:
      app: nginx-demo
  template:
    metadata:
      labels:
        app: nginx-demo
    spec:
      containers:
        - name: nginx
          image: ${image}
          ports:
            - containerPort: 80
`;
  if (!service) return deployment;
  return `${deployment}---
# Service to expose our nginx deployment
apiVersion: v1
kind: Service
metadata:
  name: nginx-demo-service${inNamespace}
spec:
  selector:
    app: nginx-demo
  ports:
    - port: 80
      targetPort: 80
  type: ClusterIP
`;
};

export const configMap = (name: string, data: Record<string, string>, annotations: Record<string, string> = {}): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, annotations }, data });
