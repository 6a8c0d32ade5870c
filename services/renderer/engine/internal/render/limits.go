package render

const (
	// manifestBytesMax: all manifests of one render together, as they are read and as JSON (Argo CD: 10 MiB).
	manifestBytesMax = 10 << 20
	// objectsMax: objects of one render.
	objectsMax = 10_000
)
