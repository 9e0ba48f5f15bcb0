using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// One-shot exchange of f32 numbers between the devices of a process that reach each other's memory. Each rank has an inbox
/// in its own memory and writes its numbers into all others' at once; each number travels in 8 bytes with the mark of its
/// exchange, so that whoever sees the mark has the number, and neither a fence nor a flag of its own takes time.
/// </summary>
/// <remarks>
/// <para>
/// Numbers go through channels, 2,048 in each: thread t of a group sends and receives four of each channel that the group
/// has. A channel counts its exchanges in the device's memory, so a captured graph goes on counting. Ranks run the same
/// exchanges of the same sizes in the same order, so a channel's count e is the same everywhere; its mark is e, and its
/// numbers go into half e mod 2 of the inbox, where each sender has a place of its own.
/// </para>
/// <para>
/// No mark is missed or taken for another. A place is written in every exchange of its channel, also where a row has fewer
/// numbers. Before exchange e it holds the mark e − 2 (at first 0, which exchanges 1 and 2 do not expect), and marks are
/// equal only 2³² exchanges apart: until the numbers of e arrive, the receiver finds another mark and reads again.
/// </para>
/// <para>
/// No number is overwritten before it was read. Rank A writes into B's place for e only after A's own exchange e − 1 has
/// ended: in it A received B's numbers of e − 1. These B wrote after waiting for the kernel before, so after B's exchange
/// e − 2 had ended, with all its reads. One half would not do: A may begin e while B still reads e − 1.
/// </para>
/// <para>
/// Nobody waits for ever. A rank waits only for the same channel's exchange on other ranks, which they run as soon as what
/// came before on their streams has ended. All groups of a launch fit the device together, one a multiprocessor, and the
/// kernel after it may start only when each of them has: the ones that wait keep nobody from starting whom they wait for.
/// A rank that fails never writes: the host sets the abort word, which all who wait look at now and then. They leave with
/// whatever they have, and the exchange is of no more use.
/// </para>
/// </remarks>
public static class PeerChannel
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = AddRmsNormRow.Threads;

    /// <summary>Numbers of a channel.</summary>
    public const int Numbers = Threads * 4;

    // A place holds the first two numbers of each thread, then the other two: warps write and read 512 bytes on end.
    private const int PairBytes = 16;
    private const int TwoBytes = Threads * PairBytes;
    private const int PlaceBytes = 2 * TwoBytes;

    // About a millisecond of looking into memory; the abort word is the host's, and far.
    private const int Patience = 2048;

    /// <summary>Where this thread's first pair lies in an inbox.</summary>
    /// <param name="epoch">The channel's exchange.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="channels">Channels of an inbox.</param>
    /// <param name="sender">Who wrote it.</param>
    /// <param name="ranks">How many ranks there are.</param>
    public static long Place(int epoch, int channel, int channels, int sender, int ranks) =>
        ((((((long)(epoch & 1) * channels) + channel) * ranks) + sender) * PlaceBytes) + (Group.IdxX * PairBytes);

    /// <summary>Sends this thread's four numbers to all others, the next rank first: no rank is everybody's first.</summary>
    /// <param name="inboxes">i32 [R, 2], the inboxes' addresses.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="ranks">R.</param>
    /// <param name="place">This rank's place in each of them.</param>
    /// <param name="epoch">The channel's exchange.</param>
    /// <param name="x0">The first number.</param>
    /// <param name="x1">The second.</param>
    /// <param name="x2">The third.</param>
    /// <param name="x3">The fourth.</param>
    public static void Send(ArrayView<int> inboxes, int rank, int ranks, long place, int epoch, float x0, float x1, float x2, float x3)
    {
        for (int i = 1; i < ranks; i++)
        {
            int to = rank + i < ranks ? rank + i : rank + i - ranks;
            long at = SystemMemory.Address(ref inboxes[2 * to]) + place;
            SystemMemory.Send(at, Interop.FloatAsInt(x0), Interop.FloatAsInt(x1), (uint)epoch);
            SystemMemory.Send(at + TwoBytes, Interop.FloatAsInt(x2), Interop.FloatAsInt(x3), (uint)epoch);
        }
    }

    /// <summary>Waits for the others' numbers and sums all ranks' in their order.</summary>
    /// <param name="sum">Has this rank's four numbers at <paramref name="first"/>, and gets the sums.</param>
    /// <param name="first">A constant.</param>
    /// <param name="inbox">This rank's inbox.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="ranks">R.</param>
    /// <param name="place">Rank 0's place in it.</param>
    /// <param name="epoch">The channel's exchange.</param>
    /// <param name="abort">Not 0 where nobody shall wait any more.</param>
    public static void Sum(float[] sum, int first, long inbox, int rank, int ranks, long place, int epoch, ArrayView<int> abort)
    {
        float own0 = sum[first], own1 = sum[first + 1], own2 = sum[first + 2], own3 = sum[first + 3];
        for (int from = 0; from < ranks; from++)
        {
            float x0 = own0, x1 = own1, x2 = own2, x3 = own3;
            if (from != rank)
            {
                long at = inbox + place + ((long)from * PlaceBytes);
                U4 one = SystemMemory.Receive(at), two = SystemMemory.Receive(at + TwoBytes);
                int tries = 0;
                bool waits = !Has(one, two, epoch);
                while (waits)
                {
                    one = SystemMemory.Receive(at);
                    two = SystemMemory.Receive(at + TwoBytes);
                    waits = !Has(one, two, epoch);
                    tries++;
                    if (waits && tries % Patience == 0)
                    {
                        waits = SystemMemory.Read(ref abort[0]) == 0;
                    }
                }

                x0 = Interop.IntAsFloat(one.X);
                x1 = Interop.IntAsFloat(one.Z);
                x2 = Interop.IntAsFloat(two.X);
                x3 = Interop.IntAsFloat(two.Z);
            }

            sum[first] = from == 0 ? x0 : Scalar.Add(sum[first], x0);
            sum[first + 1] = from == 0 ? x1 : Scalar.Add(sum[first + 1], x1);
            sum[first + 2] = from == 0 ? x2 : Scalar.Add(sum[first + 2], x2);
            sum[first + 3] = from == 0 ? x3 : Scalar.Add(sum[first + 3], x3);
        }
    }

    /// <summary>
    /// Counts this exchange and shows the count to the host, by the first group's first thread: kept += 1, shown = kept. Behind
    /// <see cref="Send"/>, which nobody then waits longer for, and before <see cref="Sum"/>: where a rank waits for ever, the host sees
    /// that it came.
    /// </summary>
    /// <param name="kept">i32 [1], or empty.</param>
    /// <param name="shown">i32 [1] in the host's memory, or empty.</param>
    public static void Count(ArrayView<int> kept, ArrayView<int> shown)
    {
        if (Grid.IdxX == 0 && Group.IdxX == 0 && kept.Length > 0)
        {
            int count = WideAccess.Fresh(ref kept[0]) + 1;
            kept[0] = count;
            SystemMemory.Post(ref shown[0], count);
        }
    }

    private static bool Has(U4 one, U4 two, int epoch) =>
        (((one.Y ^ (uint)epoch) | (one.W ^ (uint)epoch)) | ((two.Y ^ (uint)epoch) | (two.W ^ (uint)epoch))) == 0;
}
