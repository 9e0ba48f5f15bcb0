using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The matrices of E routed experts, wherever they lie: fused tensors [E, 2I, H] and [E, H, I], or one tensor each.
/// Only views; nothing is copied.
/// </summary>
public sealed class ExpertWeights
{
    private readonly Matrices[] _experts;
    private readonly Tensor _gates, _ups, _downs;

    private ExpertWeights(ExpertWeights all, int first)
    {
        (_experts, _gates, _ups, _downs) = (all._experts, all._gates, all._ups, all._downs);
        (Width, Hidden, Type, First, IsPart) = (all.Width, all.Hidden, all.Type, first, true);
    }

    private ExpertWeights(long hidden) => (_experts, Hidden, Type, IsPart) = ([], hidden, DType.F32, true);

    /// <summary>Takes one gate [I, H], up [I, H] and down [H, I] per expert.</summary>
    /// <exception cref="ArgumentException">Shapes or types differ between experts.</exception>
    public ExpertWeights(ReadOnlySpan<Tensor> gate, ReadOnlySpan<Tensor> up, ReadOnlySpan<Tensor> down)
    {
        if (gate.IsEmpty || gate.Length != up.Length || gate.Length != down.Length)
        {
            throw new ArgumentException($"experts need as many gates as ups and downs, got {gate.Length}, {up.Length}, {down.Length}", nameof(gate));
        }

        (Width, Hidden, Type) = (gate[0].Shape[0], gate[0].Shape[1], gate[0].Type);
        LaunchCheck.IsWeight("experts", "gate", Type);
        _experts = new Matrices[gate.Length];
        for (int e = 0; e < gate.Length; e++)
        {
            Check(gate[e], new Shape(Width, Hidden));
            Check(up[e], new Shape(Width, Hidden));
            Check(down[e], new Shape(Hidden, Width));
            _experts[e] = new Matrices(gate[e].Address, up[e].Address, down[e].Address);
        }

        (_gates, _ups, _downs) = (Stack(gate), Stack(up), Stack(down));
    }

    /// <summary>Splits the fused tensors of a published Qwen3.5 checkpoint.</summary>
    /// <param name="gateUp">[E, 2I, H], gate in the first I rows of each expert.</param>
    /// <param name="down">[E, H, I].</param>
    public static ExpertWeights Fused(Tensor gateUp, Tensor down)
    {
        int experts = checked((int)gateUp.Shape[0]);
        long width = gateUp.Shape[1] / 2;
        var gates = new Tensor[experts];
        var ups = new Tensor[experts];
        var downs = new Tensor[experts];
        for (int e = 0; e < experts; e++)
        {
            Tensor both = gateUp.Slice(e);
            (gates[e], ups[e], downs[e]) = (both.Rows(0, width), both.Rows(width, width), down.Slice(e));
        }

        return new ExpertWeights(gates, ups, downs);
    }

    /// <summary>No experts, of a rank where all of them lie on others.</summary>
    /// <param name="hidden">H, the width of the residual stream.</param>
    public static ExpertWeights None(long hidden) => new(hidden);

    /// <summary>The same experts as a rank's part of a model's: they have the numbers first … first + E − 1, and rows may choose others too.</summary>
    public ExpertWeights AsPart(int first) => new(this, first);

    /// <summary>E, the number of experts.</summary>
    public int Count => _experts.Length;

    /// <summary>The number of the first expert.</summary>
    public int First { get; }

    /// <summary>Whether rows may choose experts that are not here; what those would add is left out.</summary>
    public bool IsPart { get; }

    /// <summary>I, the width of an expert.</summary>
    public long Width { get; }

    /// <summary>H, the width of the residual stream.</summary>
    public long Hidden { get; }

    /// <summary>The element type of every matrix: bf16 or f32.</summary>
    public DType Type { get; }

    /// <summary>The experts' matrices.</summary>
    public ReadOnlySpan<Matrices> All => _experts;

    /// <summary>
    /// The gates [E, I·H], ups [E, I·H] and downs [E, H·I] with an expert in each row, where each kind lies at equal
    /// distances: fused tensors, or single ones that were put into one buffer, which is how experts get onto a device.
    /// </summary>
    /// <returns>Whether they lie so.</returns>
    internal bool TryStack(out Tensor gates, out Tensor ups, out Tensor downs)
    {
        (gates, ups, downs) = (_gates, _ups, _downs);
        return !gates.IsEmpty && !ups.IsEmpty && !downs.IsEmpty;
    }

    private Tensor Stack(ReadOnlySpan<Tensor> matrices)
    {
        long size = matrices[0].Shape.Count, step = matrices.Length == 1 ? size * Type.Size() : matrices[1].Address - matrices[0].Address;
        for (int e = 0; e < matrices.Length; e++)
        {
            if (matrices[e].Address - matrices[0].Address != e * step)
            {
                return default;
            }
        }

        return step < size * Type.Size() || step % Type.Size() != 0
            ? default
            : new Tensor(Type, new Shape(matrices.Length, step / Type.Size()), matrices[0].Address).Columns(0, size);
    }

    private void Check(Tensor tensor, Shape expected)
    {
        if (tensor.Shape != expected || tensor.Type != Type || !tensor.IsContiguous)
        {
            throw new ArgumentException($"an expert's matrix is {tensor}, expected {Type.Name()} {expected}", nameof(tensor));
        }
    }

    /// <summary>Addresses of one expert's gate [I, H], up [I, H] and down [H, I].</summary>
    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential)]
    public readonly record struct Matrices(nint Gate, nint Up, nint Down);
}
