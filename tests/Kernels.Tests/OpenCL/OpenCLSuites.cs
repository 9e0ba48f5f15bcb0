namespace Lean.Kernels.Tests;

public sealed class OpenCLEmbeddingLookupTests : EmbeddingLookupTests<OpenCLTarget>;

public sealed class OpenCLAddRmsNormTests : AddRmsNormTests<OpenCLTarget>;

public sealed class OpenCLLinearTests : LinearTests<OpenCLTarget>;

public sealed class OpenCLGreedyPickTests : GreedyPickTests<OpenCLTarget>;
