import '../harness/found.mjs';
