using Lean.Kernels.Tests;

[assembly: AssemblyFixture(typeof(StandInWatch))]

namespace Lean.Kernels.Tests;

/// <summary>After the last test, no call of Level Zero's may have been wrong.</summary>
public sealed class StandInWatch : IDisposable
{
    public void Dispose() => StandIn.AssertNothingWrong();
}
