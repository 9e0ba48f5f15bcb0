using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>peer_sum: the sum over ranks in place, a channel a group; see <see cref="PeerChannel"/>.</summary>
public static class PeerSum
{
    private const int Threads = PeerChannel.Threads;

    /// <summary>
    /// data = ((rank 0's + rank 1's) + …) on every rank. Any N and any alignment: a thread has four numbers 512 apart.
    /// The first channel counts before it waits: kept += 1, shown = kept, as <see cref="CountOne"/>.
    /// </summary>
    [Kernel("peer_sum", Threads, groups: "N/2048", Unroll = true)]
    [Cuda("sm_80")]
    public static void Run(
        [Shape("N")] ArrayView<float> data,
        [Shape("R", "2")] ArrayView<int> inboxes,
        [Shape("C")] ArrayView<int> epochs,
        [Shape("1")] ArrayView<int> abort,
        [Shape("1", Optional = true)] ArrayView<int> kept,
        [Shape("1", Optional = true)] ArrayView<int> shown,
        [Extent("N")] int width,
        [Extent("R")] int ranks,
        [Extent("C")] int channels,
        int rank)
    {
        DependentLaunch.Allow();
        int channel = Grid.IdxX, first = (channel * PeerChannel.Numbers) + Group.IdxX;
        long inbox = SystemMemory.Address(ref inboxes[2 * rank]);
        DependentLaunch.Wait();
        int epoch = WideAccess.Fresh(ref epochs[channel]) + 1;
        var sum = new float[4];
        for (int i = 0; i < 4; i++)
        {
            sum[i] = data[Math.Min(first + (i * Threads), width - 1)];
        }

        PeerChannel.Send(inboxes, rank, ranks, PeerChannel.Place(epoch, channel, channels, rank, ranks), epoch, sum[0], sum[1], sum[2], sum[3]);
        PeerChannel.Count(kept, shown);
        PeerChannel.Sum(sum, 0, inbox, rank, ranks, PeerChannel.Place(epoch, channel, channels, 0, ranks), epoch, abort);
        for (int i = 0; i < 4; i++)
        {
            if (first + (i * Threads) < width)
            {
                data[first + (i * Threads)] = sum[i];
            }
        }

        // All threads have read the exchange's number.
        Group.Barrier();
        if (Group.IdxX == 0)
        {
            epochs[channel] = epoch;
        }
    }
}
