using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// A row's choice of experts by one warp, on cards since Ampere: lane l has the experts e with e mod 32 = l in registers. Those
/// that may be among the K largest are listed and count each other, by whole numbers in the order of the logits; where there are
/// too many of them the largest come out one by one. Sums have the order of <see cref="ExpertRouter"/>.
/// </summary>
public static class RowChoice
{
    /// <summary>The largest K: a lane keeps what was chosen at its rank.</summary>
    public const int MostChosen = Threads;

    /// <summary>What <see cref="Choose"/> takes of shared memory, in words.</summary>
    public const int ListWords = 2 * Places;

    /// <summary>Logits of a lane come in so many, those that the portable kernel's threads sum up first.</summary>
    public const int Line = 8;

    private const int Threads = 32;

    // Of the list, and of what is not listed.
    private const int Places = 2 * Threads;

    private const uint Sign = 0x80000000u;
    private const uint None = 0xffffffffu;

    /// <summary>Loads this lane's logits.</summary>
    /// <param name="given">Gets them, a <see cref="Line"/> for each of <see cref="IExpertLanes.Lines"/>; past the end the last one again.</param>
    /// <param name="logits">f32.</param>
    /// <param name="row">Where the row begins.</param>
    /// <param name="count">E.</param>
    public static void Load<TExperts>(float[] given, ArrayView<float> logits, long row, int count)
        where TExperts : struct, IExpertLanes
    {
        for (int i = 0; i < TExperts.Lines * Line; i++)
        {
            given[i] = logits[row + Math.Min((Group.IdxX & 31) + (i * Threads), count - 1)];
        }
    }

    /// <summary>Softmax over all experts; the K largest by rank, ties to the lower index.</summary>
    /// <param name="list">The warp's own <see cref="ListWords"/>.</param>
    /// <param name="given">The lanes' logits.</param>
    /// <param name="count">E.</param>
    /// <param name="topK">K, at most <see cref="MostChosen"/>.</param>
    /// <param name="renormalise">Not 0 where the weights are divided by their sum.</param>
    /// <returns>In lane r, below K, the expert at rank r and its weight.</returns>
    public static ChosenExpert Choose<TExperts>(ArrayView<int> list, float[] given, int count, int topK, int renormalise)
        where TExperts : struct, IExpertLanes
    {
        // 0 is below the place of every number: what is missing, and later what has been chosen.
        var places = new uint[TExperts.Lines * Line];
        var sums = new float[Line];
        int lane = Group.IdxX & 31;
        uint top = 0;
        for (int i = 0; i < TExperts.Lines * Line; i++)
        {
            // Zeros of either sign are equal.
            uint bits = Interop.FloatAsInt(given[i]), place = Select.IfLess((int)bits, 0, 0 - bits, bits | Sign);
            places[i] = Select.IfLess(lane + (i * Threads), count, place, 0u);
            top = Math.Max(top, places[i]);
        }

        float largest = Number(Lanes.Maximum(top));
        for (int i = 0; i < Line; i++)
        {
            sums[i] = 0;
        }

        for (int i = 0; i < TExperts.Lines * Line; i++)
        {
            sums[i % Line] += Select.IfLess(lane + (i * Threads), count, Exp(given[i] - largest), 0f);
        }

        float total = sums[0] + sums[4] + (sums[2] + sums[6]) + (sums[1] + sums[5] + (sums[3] + sums[7]));
        total += Lanes.Xor(total, 16);
        total += Lanes.Xor(total, 8);
        total += Lanes.Xor(total, 4);
        total += Lanes.Xor(total, 2);
        total += Lanes.Xor(total, 1);

        // A NaN anywhere, or an infinity above all, makes the sum NaN: no choice is right then, but the experts' op needs
        // some, so it gets the first ones, with weights that tell.
        bool fault = float.IsNaN(total);
        uint least = Least(top, topK);
        int listed = List<TExperts>(list, places, least);
        uint ownPlace = 0, ownExpert = (uint)lane;
        if (least > 0 && listed <= Threads)
        {
            Rank(list, listed);
            ownPlace = (uint)list[lane];
            ownExpert = (uint)list[Places + lane];
        }
        else
        {
            // Many experts are equal to the last that is chosen.
            for (int r = 0; r < topK; r++)
            {
                uint best = Best<TExperts>(places), first = First<TExperts>(places, best);
                ownPlace = Select.IfEqual((uint)lane, (uint)r, best, ownPlace);
                ownExpert = Select.IfEqual((uint)lane, (uint)r, first, ownExpert);
            }
        }

        ownExpert = fault ? (uint)lane : ownExpert;

        // Added up in the order of the ranks, and fetched eight at a time.
        float weight = fault ? float.NaN : Exp(Number(ownPlace) - largest) / total, shares = 0;
        for (int r = 0; r < topK; r += Line)
        {
            for (int i = 0; i < Line; i++)
            {
                shares += Select.IfLess(r + i, topK, Lanes.From(weight, (r + i) & (Threads - 1)), 0f);
            }
        }

        return new ChosenExpert { Expert = (int)ownExpert, Weight = weight / (renormalise != 0 ? shares : 1) };
    }

    // The K-th largest of what is largest in each lane, equal ones counted once: K experts at least are as large, few more are.
    private static uint Least(uint top, int topK)
    {
        uint least = 0;
        for (int r = 0; r < topK; r++)
        {
            least = Lanes.Maximum(top);
            top = Select.IfEqual(top, least, 0, top);
        }

        return least;
    }

    // Lists experts that are no smaller, places before numbers, as far as there is room; tells how many there are.
    private static int List<TExperts>(ArrayView<int> list, uint[] places, uint least)
        where TExperts : struct, IExpertLanes
    {
        int lane = Group.IdxX & 31, count = 0;
        list[lane] = 0;
        Lanes.Together();
        for (int i = 0; i < TExperts.Lines * Line; i++)
        {
            int isListed = Select.IfLess(places[i], least, 0, 1);
            uint lanes = Lanes.Ballot(isListed);

            // Those that are not, or find no room, go where nobody looks.
            int at = count + Lanes.Count(lanes & ((1u << lane) - 1)), to = Select.IfLess(at, isListed * Threads, at, Threads + lane);
            list[to] = (int)places[i];
            list[Places + to] = lane + (i * Threads);
            count += Lanes.Count(lanes);
        }

        Lanes.Together();
        return count;
    }

    // Puts what is listed in order: each counts those that come before it, what is not there being 0. They are listed in the order
    // of the experts, which is that of equal ones.
    private static void Rank(ArrayView<int> list, int count)
    {
        int lane = Group.IdxX & 31, rank = 0, expert = list[Places + lane];
        uint place = (uint)list[lane];
        for (int i = 0; i < count; i += 4)
        {
            for (int j = 0; j < 4; j++)
            {
                rank += Select.IfLess(place - (uint)Select.IfLess(i + j, lane, 1, 0), (uint)list[i + j], 1, 0);
            }
        }

        Lanes.Together();
        if (lane < count)
        {
            list[rank] = (int)place;
            list[Places + rank] = expert;
        }

        Lanes.Together();
    }

    // The largest place of all. By halves, here and below: a chain of comparisons would take twice as long, and every round
    // waits for the one before.
    private static uint Best<TExperts>(uint[] places)
        where TExperts : struct, IExpertLanes
    {
        var halves = new uint[TExperts.Lines * 4];
        for (int i = 0; i < TExperts.Lines * 4; i++)
        {
            halves[i] = Math.Max(places[i], places[i + (TExperts.Lines * 4)]);
        }

        return Lanes.Maximum(Largest<TExperts>(halves));
    }

    // The lowest expert at a place, which is taken out.
    private static uint First<TExperts>(uint[] places, uint best)
        where TExperts : struct, IExpertLanes
    {
        var halves = new uint[TExperts.Lines * 4];
        int lane = Group.IdxX & 31;
        for (int i = 0; i < TExperts.Lines * 4; i++)
        {
            int other = i + (TExperts.Lines * 4);
            uint one = places[i] == best ? (uint)(lane + (i * Threads)) : None, two = places[other] == best ? (uint)(lane + (other * Threads)) : None;
            halves[i] = Math.Min(one, two);
        }

        uint first = Lanes.Minimum(Smallest<TExperts>(halves));
        for (int i = 0; i < TExperts.Lines * Line; i++)
        {
            places[i] = (uint)(lane + (i * Threads)) == first ? 0 : places[i];
        }

        return first;
    }

    // Of 4 or 8, whose places are lost.
    private static uint Largest<TExperts>(uint[] of)
        where TExperts : struct, IExpertLanes
    {
        for (int i = 0; i < TExperts.Lines * 2; i++)
        {
            of[i] = Math.Max(of[i], of[i + (TExperts.Lines * 2)]);
        }

        for (int i = 0; i < TExperts.Lines; i++)
        {
            of[i] = Math.Max(of[i], of[i + TExperts.Lines]);
        }

        return Math.Max(of[0], of[TExperts.Lines - 1]);
    }

    private static uint Smallest<TExperts>(uint[] of)
        where TExperts : struct, IExpertLanes
    {
        for (int i = 0; i < TExperts.Lines * 2; i++)
        {
            of[i] = Math.Min(of[i], of[i + (TExperts.Lines * 2)]);
        }

        for (int i = 0; i < TExperts.Lines; i++)
        {
            of[i] = Math.Min(of[i], of[i + TExperts.Lines]);
        }

        return Math.Min(of[0], of[TExperts.Lines - 1]);
    }

    private static float Exp(float x) => Select.IfLess(x, GateMath.Vanishes, 0f, GateMath.ExpAbove(x));

    // The number at a place in their order.
    private static float Number(uint place) => Interop.IntAsFloat(Select.IfLess((int)place, 0, place ^ Sign, 0 - place));
}

/// <summary>An expert that a row has chosen.</summary>
public struct ChosenExpert
{
    /// <summary>Which.</summary>
    public int Expert;

    /// <summary>Its weight in the row's sum.</summary>
    public float Weight;
}
