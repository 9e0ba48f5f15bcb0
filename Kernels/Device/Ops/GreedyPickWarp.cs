using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="GreedyPick"/> on cards since Ampere, to the bit: warps find their largest logits by the order of their bits, and
/// two barriers do where the portable tree takes eighteen, none where it joins the parts. Sums are that tree's: three steps between
/// warps, five within one. Eleven instructions a logit read it, find the largest and add e^x up, and not where it is: that one thread looks up.
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
        int thread = Group.IdxX, room = width - 1 - (Grid.IdxY * TokenBins.Part) - thread, farthest = Math.Max(room, 0), first = width - 1 - farthest;
        ArrayView<float> own = logits.SubView(((long)Grid.IdxX * width) + first);

        // Past the row's end stands its last logit.
        var x = new float[Each];
        for (int i = 0; i < Each; i++)
        {
            x[i] = own[Math.Min(i * Threads, farthest)];
        }

        float best = x[0], least = x[0];
        for (int i = 1; i < Each; i++)
        {
            best = Select.LargerOrNaN(best, x[i]);
            least = Select.SmallerOrNaN(least, x[i]);
        }

        uint key = IsFinite(best) && IsFinite(least) ? Order(best) : Fault, most = Lanes.Maximum(key), index = Fault;
        if (key == most)
        {
            uint lowest = Fault;
            for (int i = Each - 1; i >= 0; i--)
            {
                lowest = Select.IfEqual(Order(x[i]), most, (uint)(first + Math.Min(i * Threads, farthest)), lowest);
            }

            index = lowest;
        }

        index = Lanes.Minimum(index);
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

        float maximum = Value(most), sum = 0;
        for (int i = 0; i < Each; i++)
        {
            float e = Scalar.Exp(x[i] - maximum);
            sum += i * Threads <= room ? e : 0;
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

            float total = Total(part);
            if (thread == 0)
            {
                long place = ((long)Grid.IdxX * parts) + Grid.IdxY;
                winners[place] = most == Fault ? -1 : (int)index;
                largest[place] = maximum;
                sums[place] = total;
            }
        }
    }

    /// <summary>The lowest index of the largest logit and its log-probability; −1 and NaN where a logit is not finite. A warp a row.</summary>
    [Kernel("greedy_pick_warp", 32, groups: "R", Unroll = true)]
    [Cuda("sm_80")]
    public static void Join(
        [Shape("R", "P")] ArrayView<int> winners,
        [Shape("R", "P")] ArrayView<float> largest,
        [Shape("R", "P")] ArrayView<float> sums,
        [Shape("R")] ArrayView<int> tokens,
        [Shape("R")] ArrayView<float> logProbabilities,
        [Extent("P")] int parts)
    {
        int lane = Group.IdxX;
        long row = (long)Grid.IdxX * parts;
        uint most = 0, index = Fault;
        for (int part = lane; part < parts; part += 32)
        {
            // Indices grow from part to part.
            int winner = winners[row + part];
            uint key = winner < 0 ? Fault : Order(largest[row + part]);
            index = key > most ? (uint)winner : index;
            most = Math.Max(most, key);
        }

        uint all = Lanes.Maximum(most);
        index = Lanes.Minimum(most == all ? index : Fault);
        float maximum = Value(all);

        // A lane stands for the threads of the portable tree that have its number in their warps.
        var sum = new float[Warps];
        for (int warp = 0; warp < Warps; warp++)
        {
            for (int part = (warp * 32) + lane; part < parts; part += Threads)
            {
                sum[warp] = Scalar.Fma(sums[row + part], Scalar.Exp(largest[row + part] - maximum), sum[warp]);
            }
        }

        float total = Total(sum);
        if (lane == 0)
        {
            tokens[Grid.IdxX] = all == Fault ? -1 : (int)index;
            logProbabilities[Grid.IdxX] = all == Fault ? float.NaN : -Scalar.Log(total);
        }
    }

    private static bool IsFinite(float x) => (Interop.FloatAsInt(x) & ~Sign) < Infinite;

    // Bits that are in order as numbers are; zeros of both signs are equal.
    private static uint Order(float x)
    {
        uint bits = Interop.FloatAsInt(Scalar.Add(x, 0f));
        return bits ^ ((uint)((int)bits >> 31) | Sign);
    }

    private static float Value(uint order) => Interop.IntAsFloat((order & Sign) != 0 ? order & ~Sign : ~order);

    // The portable tree's sum of 256 threads, of which a lane has those of its number in each warp.
    private static float Total(float[] part)
    {
        float total = (part[0] + part[4] + (part[2] + part[6])) + (part[1] + part[5] + (part[3] + part[7]));
        total += Lanes.Xor(total, 16);
        total += Lanes.Xor(total, 8);
        total += Lanes.Xor(total, 4);
        total += Lanes.Xor(total, 2);
        return total + Lanes.Xor(total, 1);
    }
}
