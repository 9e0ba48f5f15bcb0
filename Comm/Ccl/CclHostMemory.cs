using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>The host's memory, for a library that works there: all is done when a call returns.</summary>
internal sealed unsafe class CclHostMemory : ICclMemory
{
    private readonly CclScratch _scratch = new(static bytes => new HostBuffer(bytes));

    public void Copy(nint source, nint target, long bytes)
    {
        if (source != target && bytes > 0)
        {
            NativeMemory.Copy((void*)source, (void*)target, (nuint)bytes);
        }
    }

    public void Sum(DType type, nint parts, nint target, int places, long count)
    {
        Span<nint> addresses = stackalloc nint[places];
        for (int place = 0; place < places; place++)
        {
            addresses[place] = parts + (nint)(place * count * type.Size());
        }

        ExactSum.Add(type, addresses, new ReadOnlySpan<nint>(in target), 0, count, 0);
    }

    public nint Scratch(long bytes) => _scratch.Take(bytes);

    public void Dispose() => _scratch.Dispose();
}
