using System.Runtime.Intrinsics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The option <c>--activations bf16</c>: what it rounds, and where.
/// <para>
/// A product of rows with bf16 weights, y[t, n] = Σ_k x[t, k] · W[n, k], takes rnd(x[t, k]) instead, the nearest bf16, ties to
/// even; NaN stays NaN, and what exceeds bf16's largest becomes infinite. Products of two bf16 are exact in f32, sums are f32 in
/// the order they have without the option. The product's result is not rounded, but for some of prompts on Hopper, below. Rounded are the inputs of linears, of dense MLPs,
/// of routed and shared experts, and, between their two products, rnd(silu(gate) · up), of gate and up in f32.
/// </para>
/// <para>
/// Where tensor cores compute the attention of prompts, on Hopper, queries behind norm and rotation and the weights of positions,
/// 2^(score − largest so far), are rounded likewise; keys and values are bf16 anyway. Scores, sums of weights and results are f32.
/// Generated rows' attention, whose time goes into reading the cache, takes two terms with the option as without.
/// </para>
/// <para>
/// Where tensor cores compute the delta rule of prompts, on Hopper and with value heads of a multiple of 64, keys and queries are rounded from where they
/// have their length, the same key wherever it is met; values, the state and what is solved and read go on in two terms, with f32 sums.
/// With value heads of 128, which the gated norm has a kernel for, rows are rounded wherever they lie in memory on the way: what the input projection gives to
/// convolution and norm, but not the gates of the rule (<see cref="Linear.RunRounded"/>), what the convolution gives to the rule, and the rule to the norm.
/// </para>
/// <para>
/// Where tensor cores compute the experts of prompts, on Hopper, what each expert gives is rounded before it is added up, in f32: it lies in memory
/// in between, a number for each expert of a row, which is half the bytes. So is what the output projections of attention and of Gated DeltaNet give to the residual
/// stream, where there is one rank.
/// </para>
/// <para>
/// A router's logits and a shared expert's gate (<see cref="KernelSet.GateLinear"/>) are products like others for prompts on tensor cores: a near tie falls the
/// other way, but as often for what was rounded before it. Two terms of these rows, where all else takes one, were 1.7 % of a prompt of 2,048 and 3.3 % of one of 8,192.
/// </para>
/// <para>
/// Never rounded, and why: products with f32 weights, since who keeps those wants their digits; a router's logits and a shared
/// expert's gate of generated rows, and of all where there are no tensor cores, which cost next to nothing; norms, sums of convolutions, the delta rule's state and gates,
/// and all of it but for what is named above, softmax, sums over experts and ranks, and the residual stream: their rounding would add up over layers or positions.
/// </para>
/// <para>
/// A row's bits depend on nothing beside it with the option as without: rounding is a function of one number. It is another model
/// of numbers, though, so a process has one setting, and ranks compare theirs before they begin.
/// </para>
/// </summary>
internal static unsafe class RoundedActivations
{
    /// <summary>Whether a product rounds its rows.</summary>
    /// <param name="activations">What the set's products take.</param>
    /// <param name="weight">The element type of the weights.</param>
    public static bool Apply(DType activations, DType weight) => activations == DType.BF16 && weight == DType.BF16;

    /// <summary>A set's description, with what its products take where that is not f32.</summary>
    public static string Describe(string device, DType activations) => activations == DType.F32 ? device : $"{device}, {activations.Name()} activations";

    /// <summary>Refuses what is no element type of activations.</summary>
    /// <exception cref="ArgumentException">It is neither f32 nor bf16.</exception>
    public static DType Check(DType activations) => activations is DType.F32 or DType.BF16
        ? activations
        : throw new ArgumentException($"activations are f32 or bf16, not {activations.Name()}", nameof(activations));

    /// <summary>rnd(x) in f32, widened again.</summary>
    public static float Round(float value) => DTypes.BF16ToF32(DTypes.F32ToBF16(value));

    /// <summary>Rounds numbers of an f64 reference where they are.</summary>
    public static void Round(Span<double> values)
    {
        foreach (ref double value in values)
        {
            value = Round((float)value);
        }
    }

    /// <summary>Rounds numbers where they are or into another place.</summary>
    /// <param name="source">From where.</param>
    /// <param name="target">To where; may be <paramref name="source"/>.</param>
    /// <param name="count">How many.</param>
    public static void Round(float* source, float* target, long count)
    {
        long i = 0;
        for (; i + Vector512<uint>.Count <= count; i += Vector512<uint>.Count)
        {
            Vector512<float> value = Vector512.Load(source + i);
            Vector512<uint> bits = value.AsUInt32();
            Vector512<uint> rounded = bits + Vector512.Create(0x7fffu) + (Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One);
            rounded = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, bits | Vector512.Create(0x400000u));
            (rounded & Vector512.Create(0xffff0000u)).Store((uint*)target + i);
        }

        for (; i < count; i++)
        {
            target[i] = Round(source[i]);
        }
    }

    /// <summary>Rounds rows on a device, into the stream's scratch memory: a launch of its own, where the product's kernel takes f32.</summary>
    /// <param name="stream">The device.</param>
    /// <param name="x">f32 [T, K], rows may be strided.</param>
    /// <returns>f32 [T, K].</returns>
    public static Tensor Rows(KernelStream stream, in Tensor x)
    {
        var rounded = new Tensor(DType.F32, x.Shape, stream.Scratch(x.Shape.Count * sizeof(float)).Address);
        RoundRowsLauncher.Launch(stream, x, rounded);
        return rounded;
    }
}
