using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Four logits of a thread, a group's width apart, all on their way before the first is used. A part of a row is read in
/// turns of them.
/// </summary>
public readonly struct FourLogits
{
    /// <summary>Four.</summary>
    public const int Count = 4;

    /// <summary>Logits of all threads in one turn.</summary>
    public const int Turn = Count * Threads;

    private const int Threads = BinSums.Threads;

    private readonly int _token;
    private readonly float _x0;
    private readonly float _x1;
    private readonly float _x2;
    private readonly float _x3;

    private FourLogits(int token, float x0, float x1, float x2, float x3)
    {
        _token = token;
        _x0 = x0;
        _x1 = x1;
        _x2 = x2;
        _x3 = x3;
    }

    /// <summary>Turns that a part of a row takes.</summary>
    public static int Turns(int part, int width) => (Math.Min(width - (part * TokenBins.Part), TokenBins.Part) + Turn - 1) / Turn;

    /// <summary>Reads a turn; past the row's end stands its last logit.</summary>
    public static FourLogits Read(ArrayView<float> logits, long start, int part, int turn, int width)
    {
        int token = (part * TokenBins.Part) + (turn * Turn) + Group.IdxX, last = width - 1;
        return new FourLogits(
            token,
            logits[start + Math.Min(token, last)],
            logits[start + Math.Min(token + Threads, last)],
            logits[start + Math.Min(token + (2 * Threads), last)],
            logits[start + Math.Min(token + (3 * Threads), last)]);
    }

    /// <summary>One of the four.</summary>
    public float this[int i] => i == 0 ? _x0 : i == 1 ? _x1 : i == 2 ? _x2 : _x3;

    /// <summary>Its token.</summary>
    public int Token(int i) => _token + (i * Threads);
}
