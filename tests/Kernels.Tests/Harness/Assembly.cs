using Xunit.Sdk;
using Xunit.v3;

// A kernel set is driven by one thread at a time and owns its workers; the machine's cores belong to the set under test.
[assembly: Parallelization(Mode = ParallelMode.None)]
