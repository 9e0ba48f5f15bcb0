using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="GreedyPick.Parts"/> on cards since Ampere, to the bit: warps find their largest logits by the order of their bits, and
/// two barriers do where the portable tree takes eighteen. Its sums are that tree's: three steps between warps, five within one.
/// </summary>
public static class GreedyPickWarp
{
    private const int Threads = BinSums.Threads;
    private const int Warps = Threads / 32;
    private const int Each = TokenBins.Part / Threads;

    // Above the bits of every finite number in their order.
    private const uint Fault = 0xffffffff;
    private const uint Sign = 0x80000000, Infinite = 0x7f800000;

    // Each warp's largest logit and where it is, then each thread's sum.
    private const int IndicesAt = Warps * sizeof(uint);
    private const int SumsAt = 2 * IndicesAt;
    private const int Bytes = SumsAt + (Threads * sizeof(float));

    /// <summary>Each part's lowest index of its largest logit, that logit, and Σ exp(logit − it).</summary>
    [Kernel("greedy_pick_parts_warp", Threads, groups: "R", groupsY: "V/4096", Unroll = true)]
    [Cuda("sm_80", SharedBytes = Bytes, GroupsTogether = 6)]
    public static void Parts(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("R", "P")] ArrayView<int> winners,
        [Shape("R", "P")] ArrayView<float> largest,
        [Shape("R", "P")] ArrayView<float> sums,
        [Extent("V")] int width,
        [Extent("P")] int parts)
    {
        uint memory = CudaShared.Base();
        int thread = Group.IdxX, first = (Grid.IdxY * TokenBins.Part) + thread, last = width - 1;
        long row = (long)Grid.IdxX * width;

        // Past the row's end stands its last logit.
        var x = new float[Each];
        for (int i = 0; i < Each; i++)
        {
            x[i] = logits[row + Math.Min(first + (i * Threads), last)];
        }

        float best = x[0];
        int turn = 0;
        uint magnitude = 0;
        for (int i = 0; i < Each; i++)
        {
            bool better = x[i] > best;
            best = better ? x[i] : best;
            turn = better ? i : turn;
            magnitude = Math.Max(magnitude, Interop.FloatAsInt(x[i]) & ~Sign);
        }

        // Zeros of both signs are equal.
        uint bits = Interop.FloatAsInt(Scalar.Add(best, 0f)), own = magnitude >= Infinite ? Fault : (bits & Sign) != 0 ? ~bits : bits | Sign;
        uint most = Lanes.Maximum(own), index = Lanes.Minimum(own == most ? (uint)Math.Min(first + (turn * Threads), last) : Fault);
        if ((thread & 31) == 0)
        {
            CudaShared.Store(memory + (uint)((thread >> 5) * sizeof(uint)), most);
            CudaShared.Store(memory + (uint)(IndicesAt + ((thread >> 5) * sizeof(uint))), index);
        }

        Group.Barrier();
        most = 0;
        index = Fault;
        for (int warp = 0; warp < Warps; warp++)
        {
            // Indices grow from warp to warp only within a turn.
            uint other = CudaShared.Load(memory + (uint)(warp * sizeof(uint))), place = CudaShared.Load(memory + (uint)(IndicesAt + (warp * sizeof(uint))));
            index = other > most || (other == most && place < index) ? place : index;
            most = Math.Max(most, other);
        }

        float maximum = Interop.IntAsFloat((most & Sign) != 0 ? most & ~Sign : ~most), sum = 0;
        for (int i = 0; i < Each; i++)
        {
            float e = Scalar.Exp(x[i] - maximum);
            sum += first + (i * Threads) < width ? e : 0;
        }

        uint shared = memory + (uint)(SumsAt + (thread * sizeof(float)));
        CudaShared.Store(shared, Interop.FloatAsInt(sum));
        Group.Barrier();
        if (thread < 32)
        {
            var part = new float[Warps];
            for (int warp = 0; warp < Warps; warp++)
            {
                part[warp] = Interop.IntAsFloat(CudaShared.Load(shared + (uint)(warp * 32 * sizeof(float))));
            }

            float total = (part[0] + part[4] + (part[2] + part[6])) + (part[1] + part[5] + (part[3] + part[7]));
            total += Lanes.Xor(total, 16);
            total += Lanes.Xor(total, 8);
            total += Lanes.Xor(total, 4);
            total += Lanes.Xor(total, 2);
            total += Lanes.Xor(total, 1);
            if (thread == 0)
            {
                long place = ((long)Grid.IdxX * parts) + Grid.IdxY;
                winners[place] = most == Fault ? -1 : (int)index;
                largest[place] = maximum;
                sums[place] = total;
            }
        }
    }
}
