using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// What the kernels that choose among a row's logits hand to each other: where the row is, what is looked for in it, and
/// how far the search has come (<see cref="TokenBins"/>).
/// </summary>
public static class TokenRow
{
    /// <summary>Numbers of a row.</summary>
    public const int Columns = 18;

    /// <summary>Which row of the logits.</summary>
    public const int Source = 0;

    /// <summary>The largest logit's number in <see cref="LogitOrder"/>; <see cref="LogitOrder.Banned"/> for a fault.</summary>
    public const int Top = 1;

    /// <summary>How many of the first tokens are looked for; <see cref="ByWeight"/>, or 0 for no search.</summary>
    public const int Limit = 2;

    /// <summary>1 / T.</summary>
    public const int Inverse = 3;

    /// <summary>Top-p.</summary>
    public const int Share = 4;

    /// <summary>1 where the first token is taken.</summary>
    public const int Greedy = 5;

    /// <summary>How far below the largest logit what is left ends; the last index left there follows.</summary>
    public const int Cut = 6;

    /// <summary>Tokens in the row's list.</summary>
    public const int Listed = 8;

    /// <summary>What is missing where the list of a search by weight begins; 64 bits.</summary>
    public const int Missing = 9;

    /// <summary>The limit of a search for a share of the weights.</summary>
    public const int ByWeight = -1;

    // The first bin and what is missing there, before passes 1 and 2.
    private const int Passes = 12, PassColumns = 3;

    /// <summary>Where the interval before a pass stands: its first bin, and 64 bits of what is missing there.</summary>
    public static int Interval(int pass) => Passes + ((pass - 1) * PassColumns);

    /// <summary>Reads 64 bits.</summary>
    public static long Read(ArrayView<int> view, long at) => ((long)view[at + 1] << 32) | (long)(uint)view[at];

    /// <summary>Writes 64 bits.</summary>
    public static void Write(ArrayView<int> view, long at, long value)
    {
        view[at] = (int)value;
        view[at + 1] = (int)(value >> 32);
    }
}
