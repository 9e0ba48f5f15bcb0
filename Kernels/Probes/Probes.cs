using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// What a device does at best, as plain loops: reading memory, copying it, and multiplying with everything in registers.
/// An op's rate means something beside these, measured in the same run. No model runs them.
/// </summary>
public abstract class Probes
{
    /// <summary>Elements that the source of <see cref="Read"/> holds a multiple of, for each element of its output.</summary>
    public const int WordsPerPart = 16;

    private const string Op = "probe";

    /// <summary>Parts that keep the whole device busy, a multiple of 256; each is one thread's on a device.</summary>
    public abstract int Parts { get; }

    /// <summary>Multiplications and additions of one round of <see cref="MultiplyAdd"/> for each part.</summary>
    public abstract int FlopsPerRound { get; }

    /// <summary>Reads all of a tensor: the exclusive or over <paramref name="parts"/> is that over <paramref name="words"/>.</summary>
    /// <param name="words">i32 [N], N a multiple of 16 P.</param>
    /// <param name="parts">i32 [P], P a multiple of 256.</param>
    public void Read(Tensor words, Tensor parts)
    {
        long count = parts.Shape.Count;
        LaunchCheck.That(count > 0 && count % 256 == 0, Op, "a multiple of 256 parts");
        LaunchCheck.That(words.Shape.Count % (count * WordsPerPart) == 0, Op, "a multiple of 16 words for each part");
        LaunchCheck.Is(Op, nameof(words), words, DType.I32, new Shape(words.Shape.Count), "[N]");
        LaunchCheck.Is(Op, nameof(parts), parts, DType.I32, new Shape(count), "[P]");
        LaunchRead(words, parts);
    }

    /// <summary>Copies a tensor to another of the same type and shape, both contiguous.</summary>
    public abstract void Copy(Tensor source, Tensor target);

    /// <summary>
    /// Chains of x ← x · <paramref name="factor"/> + <paramref name="term"/>, so many that no product waits for another:
    /// chain c of a part begins with start + c; the output is the sum over the chains, however many there are.
    /// </summary>
    /// <param name="start">f32 [P], P a multiple of 256.</param>
    /// <param name="factor">The factor.</param>
    /// <param name="term">The term.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="output">f32 [P].</param>
    public void MultiplyAdd(Tensor start, float factor, float term, int rounds, Tensor output)
    {
        Shape shape = new(start.Shape.Count);
        LaunchCheck.That(shape.Count > 0 && shape.Count % 256 == 0, Op, "a multiple of 256 parts");
        LaunchCheck.That(rounds >= 0, Op, "rounds of at least 0");
        LaunchCheck.Is(Op, nameof(start), start, DType.F32, shape, "[P]");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[P]");
        LaunchMultiplyAdd(start, factor, term, rounds, output);
    }

    private protected abstract void LaunchRead(Tensor words, Tensor parts);

    private protected abstract void LaunchMultiplyAdd(Tensor start, float factor, float term, int rounds, Tensor output);
}
