using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Tokens in their order, by falling logit and rising index: a logit and its index make one number, smallest first. Few
/// tokens are sorted in shared memory.
/// </summary>
public static class TokenOrder
{
    /// <summary>The most tokens that are sorted.</summary>
    public const int Most = TokenBins.MostListed;

    private const int Threads = BinSums.Threads;
    private const int IndexBits = 31;

    /// <summary>The place of a token.</summary>
    public static long Place(float x, int token) => ((long)~LogitOrder.Key(x) << IndexBits) | (long)token;

    /// <summary>The token at a place.</summary>
    public static int Token(long place) => (int)(place & int.MaxValue);

    /// <summary>The logit at a place.</summary>
    public static float Logit(long place) => LogitOrder.Logit(~(uint)(place >> IndexBits));

    /// <summary>
    /// Sorts a row's list into shared memory, from where all threads may read; what lies past its end is larger than any
    /// place. By 256 threads; begins with a barrier and ends with one. Returns how many were sorted: a power of two.
    /// </summary>
    public static int Sort(ArrayView<int> list, int row, int count, ArrayView<long> places)
    {
        int thread = Group.IdxX, size = 2 * Threads;
        while (size < count)
        {
            size *= 2;
        }

        int turns = size / Threads, pairs = turns / 2;
        Group.Barrier();
        for (int i = 0; i < turns; i++)
        {
            int at = (i * Threads) + thread;
            long place = TokenRow.Read(list, (((long)row * Most) + at) * 2);
            places[at] = at < count ? place : long.MaxValue;
        }

        // Bitonic: runs of twice the length each time, every second one falling.
        for (int run = 2; run <= size; run *= 2)
        {
            for (int step = run / 2; step > 0; step /= 2)
            {
                Group.Barrier();
                for (int i = 0; i < pairs; i++)
                {
                    int pair = (i * Threads) + thread, low = pair + (pair & -step);
                    long a = places[low], b = places[low + step];
                    bool swap = a > b == ((low & run) == 0);
                    places[low] = swap ? b : a;
                    places[low + step] = swap ? a : b;
                }
            }
        }

        Group.Barrier();
        return size;
    }
}
