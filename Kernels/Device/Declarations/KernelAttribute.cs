using System.Runtime.CompilerServices;

namespace Lean.Kernels.Device;

/// <summary>
/// Makes a static method a kernel: every instance of it is compiled for every target, and gets a typed launcher.
/// Its parameters are <c>ArrayView</c>s of float, int, ushort (bf16) or <see cref="U4"/>, ints and floats.
/// </summary>
/// <param name="name">The kernel's name in snake case; an <see cref="InstanceAttribute"/> adds its suffix.</param>
/// <param name="threads">Threads of a group, at most 256: what every OpenCL device can run.</param>
/// <param name="groups">Groups along x: an extent such as "T" or "Heads*D", or "N/8", which rounds up.</param>
/// <param name="groupsY">Groups along y.</param>
/// <param name="file">Where the kernel stands, for messages.</param>
/// <param name="line">Where the kernel stands, for messages.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KernelAttribute(
    string name, int threads, string groups, string groupsY = "1", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) : Attribute
{
    /// <summary>The kernel's name.</summary>
    public string Name => name;

    /// <summary>Threads of a group.</summary>
    public int Threads => threads;

    /// <summary>Groups along x.</summary>
    public string Groups => groups;

    /// <summary>Groups along y.</summary>
    public string GroupsY => groupsY;

    /// <summary>The source file.</summary>
    public string File => file;

    /// <summary>The line in it.</summary>
    public int Line => line;

    /// <summary>
    /// Unrolls loops of constant length, so that small local arrays become registers. The compiler's unrolling is wrong
    /// for loops with <c>continue</c>, which device code therefore never uses (LEAN018).
    /// </summary>
    public bool Unroll { get; init; }
}
