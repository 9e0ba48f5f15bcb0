using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// peer_sum_norm: the sum over ranks, the residual add and RMSNorm of each row, a row a group and a channel for each 2,048
/// of its numbers; see <see cref="PeerChannel"/>. A row has the bits of peer_sum and then <see cref="AddRmsNormRow"/>.
/// </summary>
public static class PeerSumNorm
{
    private const int Threads = PeerChannel.Threads;
    private const int Four = 4;

    /// <summary>
    /// residual += ((rank 0's delta + rank 1's) + …), then as <see cref="AddRmsNormRow"/>, with what it asks of H and
    /// alignment. delta stays as it is; the first row counts before it waits.
    /// </summary>
    [Kernel("peer_sum_norm", Threads, groups: "T", Unroll = true)]
    [Instance("narrow", typeof(OneRowPart))]
    [Instance("wide", typeof(FourRowParts))]
    [Cuda("sm_80", SharedBytes = AddRmsNormRow.SumBytes)]
    public static void Run<TParts>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H")] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Shape("R", "2")] ArrayView<int> inboxes,
        [Shape("C")] ArrayView<int> epochs,
        [Shape("1")] ArrayView<int> abort,
        [Shape("1", Optional = true)] ArrayView<int> kept,
        [Shape("1", Optional = true)] ArrayView<int> shown,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        [Extent("R")] int ranks,
        [Extent("C")] int channels,
        int rank,
        float epsilon,
        int place)
        where TParts : struct, IRowParts
    {
        uint sums = CudaShared.Base();
        DependentLaunch.Allow();
        int first = Group.IdxX * Four, parts = (width + PeerChannel.Numbers - 1) / PeerChannel.Numbers, channel = Grid.IdxX * parts;
        long inbox = SystemMemory.Address(ref inboxes[2 * rank]), row = (long)Grid.IdxX * width;
        var weights = new float[TParts.Parts * Four];
        AddRmsNormRow.Weights<TParts>(weights, weight, first, width);
        DependentLaunch.Wait();
        var epoch = new int[TParts.Parts];
        var x = new float[TParts.Parts * Four];
        var before = new float[TParts.Parts * Four];
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = first + (part * Threads * Four), at = part * Four;
            x[at] = 0;
            x[at + 1] = 0;
            x[at + 2] = 0;
            x[at + 3] = 0;
            before[at] = 0;
            before[at + 1] = 0;
            before[at + 2] = 0;
            before[at + 3] = 0;
            epoch[part] = 0;
            if (part < parts)
            {
                epoch[part] = WideAccess.Fresh(ref epochs[channel + part]) + 1;
                if (h < width)
                {
                    U4 own = WideAccess.Load(ref delta[row + h]), old = WideAccess.Load(ref residual[row + h]);
                    Take(x, at, own);
                    Take(before, at, old);
                }

                PeerChannel.Send(
                    inboxes, rank, ranks, PeerChannel.Place(epoch[part], channel + part, channels, rank, ranks), epoch[part], x[at], x[at + 1], x[at + 2], x[at + 3]);
            }
        }

        PeerChannel.Count(kept, shown);
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = first + (part * Threads * Four), at = part * Four;
            if (part < parts)
            {
                PeerChannel.Sum(x, at, inbox, rank, ranks, PeerChannel.Place(epoch[part], channel + part, channels, 0, ranks), epoch[part], abort);
                if (h < width)
                {
                    x[at] = before[at] + x[at];
                    x[at + 1] = before[at + 1] + x[at + 1];
                    x[at + 2] = before[at + 2] + x[at + 2];
                    x[at + 3] = before[at + 3] + x[at + 3];
                    WideAccess.Store(ref residual[row + h], x[at], x[at + 1], x[at + 2], x[at + 3]);
                }
            }
        }

        // Its barriers come after all threads have read the exchanges' numbers.
        int noted = faults.Length > 0 ? faults[Grid.IdxX] : 0;
        AddRmsNormRow.Finish<TParts>(sums, x, weights, width, output, (long)Grid.IdxX * outputStride, faults, noted, epsilon, place);
        for (int part = 0; part < TParts.Parts; part++)
        {
            if (Group.IdxX == 0 && part < parts)
            {
                epochs[channel + part] = epoch[part];
            }
        }
    }

    private static void Take(float[] to, int first, U4 bits)
    {
        to[first] = Interop.IntAsFloat(bits.X);
        to[first + 1] = Interop.IntAsFloat(bits.Y);
        to[first + 2] = Interop.IntAsFloat(bits.Z);
        to[first + 3] = Interop.IntAsFloat(bits.W);
    }
}
