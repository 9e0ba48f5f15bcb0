using Lean.Tensors;

namespace Lean.Comm;

/// <summary>The memory in which the library moves tensors, and what is done there beside it: in the order of the calls.</summary>
internal interface ICclMemory : IDisposable
{
    /// <summary>Copies bytes within the memory; areas are apart from each other, or the same.</summary>
    void Copy(nint source, nint target, long bytes);

    /// <summary>Adds parts in their order, in f32 where the type is a float, and rounds once.</summary>
    /// <param name="type">Their type.</param>
    /// <param name="parts">Parts of <paramref name="count"/> elements, one behind the other.</param>
    /// <param name="target">Where the sums go; may be one of the parts.</param>
    /// <param name="places">How many parts.</param>
    /// <param name="count">Elements of a part.</param>
    void Sum(DType type, nint parts, nint target, int places, long count);

    /// <summary>Memory for parts. It stays where it is once something was captured that uses it.</summary>
    /// <param name="bytes">How much is needed.</param>
    nint Scratch(long bytes);
}
