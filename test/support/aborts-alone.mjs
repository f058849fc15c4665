// Preloaded by the processes of a test: those in which work runs alone end at once.
if (process.argv[1]?.includes('/alone.')) process.abort();
