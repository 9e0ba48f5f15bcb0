using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// One rank's end of a <see cref="PeerExchange"/>. All ranks make the same calls with the same sizes in the same order, each on
/// one stream of its own device; a call returns when its kernel is queued, and it can be captured. Whether a call is taken
/// depends on sizes alone, so all ranks agree; sums have the bits of <see cref="PartSum"/> over the ranks' parts in order.
/// </summary>
public sealed class PeerRank
{
    /// <summary>Numbers of a channel, as in Kernels/Device/Ops/PeerChannel.cs.</summary>
    public const long ChannelNumbers = 2048;

    // As in Kernels/Device/Ops/PeerSumNorm.cs.
    private const long WidestRow = 4 * ChannelNumbers;

    private readonly Tensor _inboxes, _epochs, _abort;

    /// <param name="rank">Its number.</param>
    /// <param name="inboxes">i32 [R, 2] in the device's memory, the addresses of the ranks' inboxes.</param>
    /// <param name="epochs">i32 [C] in the device's memory, zeros.</param>
    /// <param name="abort">i32 [1] in the host's memory.</param>
    internal PeerRank(int rank, Tensor inboxes, Tensor epochs, Tensor abort) => (Rank, _inboxes, _epochs, _abort) = (rank, inboxes, epochs, abort);

    /// <summary>Its number.</summary>
    public int Rank { get; }

    /// <summary>How many ranks there are.</summary>
    public int Ranks => (int)_inboxes.Shape[0];

    /// <summary>The most numbers of a sum.</summary>
    public long MostNumbers => _epochs.Shape[0] * ChannelNumbers;

    /// <summary>The inbox of a rank: two halves, a place for each channel and sender, 8 bytes a number.</summary>
    internal static long InboxBytes(long channels, int ranks) => 2 * channels * ranks * ChannelNumbers * sizeof(long);

    /// <summary>Sums over the ranks in place, or answers false where there is nothing to sum, or too much.</summary>
    /// <param name="stream">A stream of the rank's device.</param>
    /// <param name="data">f32, contiguous: this rank's part, and then the sum.</param>
    /// <param name="count">What the stream counts its work by, to count this too, or null.</param>
    public bool TrySum(KernelStream stream, Tensor data, StreamCount? count = null)
    {
        const string Op = "peer_sum";
        LaunchCheck.Is(Op, nameof(data), data, DType.F32, data.Shape, "[N]");
        long numbers = data.Shape.Count;
        if (numbers is 0 || numbers > MostNumbers)
        {
            return false;
        }

        PeerSumLauncher.Launch(stream, data.Reshape(new Shape(numbers)), _inboxes, _epochs, _abort, Kept(count), Shown(count), Rank);

        return true;
    }

    /// <summary>
    /// Sums over the ranks, adds to the residual and normalises: as <see cref="TrySum"/> and <see cref="AddRmsNorm"/> together,
    /// to the bit, in one launch. Answers false where there are no rows or too many, or they are too wide or of a width that
    /// its kernel cannot read four at a time.
    /// </summary>
    /// <param name="stream">A stream of the rank's device.</param>
    /// <param name="residual">f32 [T, H], the same on all ranks; the sum is added to it.</param>
    /// <param name="delta">f32 [T, H], this rank's part; it stays as it is.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">f32 [T, H], rows may be strided.</param>
    /// <param name="faults">i32 [T], or an empty view; only entries that are 0 change.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    /// <param name="count">What the stream counts its work by, to count this too, or null.</param>
    /// <exception cref="LaunchException">A tensor does not fit, or does not begin and go on at multiples of 16 bytes.</exception>
    public bool TrySumNorm(
        KernelStream stream, Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults = default, int place = 0,
        StreamCount? count = null)
    {
        const string Op = "peer_sum_norm";
        Shape shape = new(residual.Shape[0], weight.Shape[0]);
        LaunchCheck.Is(Op, nameof(residual), residual, DType.F32, shape, "[T, H]");
        LaunchCheck.Is(Op, nameof(delta), delta, DType.F32, shape, "[T, H]");
        LaunchCheck.Is(Op, nameof(weight), weight, DType.F32, new Shape(shape[1]), "[H]");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[T, H]", strided: true);
        if (!faults.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(faults), faults, DType.I32, new Shape(shape[0]), "[T]");
            LaunchCheck.That(place > 0, Op, "a place above 0 to note faults under");
        }

        long width = shape[1];
        if (!TakesNorm(shape[0], width))
        {
            return false;
        }

        LaunchCheck.That(
            (residual.Address | delta.Address | weight.Address | output.Address) % 16 == 0 && output.RowStride % 4 == 0, Op, "tensors and rows at multiples of 16 bytes");
        if (width > ChannelNumbers)
        {
            PeerSumNormWideLauncher.Launch(stream, residual, delta, weight, output, faults, _inboxes, _epochs, _abort, Kept(count), Shown(count), Rank, epsilon, place);
        }
        else
        {
            PeerSumNormNarrowLauncher.Launch(stream, residual, delta, weight, output, faults, _inboxes, _epochs, _abort, Kept(count), Shown(count), Rank, epsilon, place);
        }

        return true;
    }

    /// <summary>Whether <see cref="TrySumNorm"/> takes so many rows of a width.</summary>
    public bool TakesNorm(long rows, long width) =>
        rows > 0 && width is > 0 and <= WidestRow && width % 4 == 0 && rows * ((width + ChannelNumbers - 1) / ChannelNumbers) <= _epochs.Shape[0];

    private static Tensor Kept(StreamCount? count) => count?.Kept ?? default;

    private static Tensor Shown(StreamCount? count) => count?.Shown ?? default;
}
