await import('./dist/service.js');
globalThis.gc();
const m = process.memoryUsage(); console.log('rss', (m.rss/1e6).toFixed(0), 'heap', (m.heapUsed/1e6).toFixed(0),'/',(m.heapTotal/1e6).toFixed(0), 'ext', (m.external/1e6).toFixed(0));
