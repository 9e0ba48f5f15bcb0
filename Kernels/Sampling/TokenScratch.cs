using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>What the kernels that find a row's first tokens on a device hand to each other, and the launches they share.</summary>
internal readonly struct TokenScratch
{
    // As in Kernels/Device/Ops: numbers of a row, of a part of it, and of its list; logits of a part.
    private const int StateColumns = 18, PassColumns = 34, ListColumns = 8192, Part = 4096;
    private const int Passes = 3;

    private readonly Tensor _sums, _otherSums;

    /// <summary>Takes the stream's scratch memory.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="rows">Rows that are searched.</param>
    /// <param name="width">V.</param>
    public TokenScratch(KernelStream stream, long rows, long width)
    {
        long parts = (width + Part - 1) / Part;
        Shape state = new(rows, StateColumns), sums = new(rows, parts, PassColumns), list = new(rows, ListColumns);
        nint at = stream.Scratch(sizeof(int) * (state.Count + (2 * sums.Count) + list.Count)).Address;
        State = Take(state, ref at);
        _sums = Take(sums, ref at);
        _otherSums = Take(sums, ref at);
        List = Take(list, ref at);

        // What comes before or after the passes uses their memory.
        Largest = new Tensor(DType.I32, new Shape(rows, parts), _sums.Address);
        Weights = new Tensor(DType.I32, new Shape(rows, parts, 2), _sums.Address);
    }

    /// <summary>i32 [S, 18].</summary>
    public Tensor State { get; }

    /// <summary>i32 [S, 8192]: places of 64 bits.</summary>
    public Tensor List { get; }

    /// <summary>i32 [S, P]: the numbers of the parts' largest logits, before the search.</summary>
    public Tensor Largest { get; }

    /// <summary>i32 [S, P, 2]: the parts' weights, after the search.</summary>
    public Tensor Weights { get; }

    /// <summary>Queues the search for the boundary and the list of the tokens around it.</summary>
    public void Search(KernelStream stream, Tensor logits, float scale)
    {
        Tensor sums = _otherSums, before = _sums;
        TokenBinsFirstLauncher.Launch(stream, logits, State, before, sums, scale, 0);
        for (int pass = 1; pass < Passes; pass++)
        {
            (sums, before) = (before, sums);
            TokenBinsNextLauncher.Launch(stream, logits, State, before, sums, scale, pass);
        }

        TokenListLauncher.Launch(stream, logits, State, sums, List);
    }

    private static Tensor Take(Shape shape, ref nint at)
    {
        var tensor = new Tensor(DType.I32, shape, at);
        at += (nint)tensor.Bytes;
        return tensor;
    }
}
