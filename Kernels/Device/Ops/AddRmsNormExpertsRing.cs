using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="AddRmsNormExperts.RunToTerms"/> of a prompt's rows that are not too wide, to the bit. A group stays on its multiprocessor and takes row after row: the copy engine
/// brings what its next rows add up, which lies apart and would otherwise be waited for in registers, one row after the other.
/// <para>
/// A place of the ring has the row of the residual, what each of its experts gave, and what the shared one did. The first warp asks for a row's, a lane for each. A place is
/// free when all threads have met to add up squares, so nobody has to say so.
/// </para>
/// </summary>
public static class AddRmsNormExpertsRing
{
    /// <summary>The most experts of a row: a lane each, one for the shared one and one for the residual.</summary>
    public const int MostExperts = 30;

    /// <summary>Shared memory for places of the ring: of one group a multiprocessor and, of rounded parts, of each of two.</summary>
    public const int RingBytes = 216 << 10, RoundedRingBytes = 104 << 10;

    /// <summary>The fewest places that are worth it, and the most that there are.</summary>
    public const int FewestStages = 2, MostStages = 5;

    private const int Four = AddRmsNormRow.Four;

    // Of a place: mix, whether there is something to add, and the shared expert's share; two rows' sums take turns.
    private const int NoteBytes = 256, FlagsAt = 128, GateAt = 124;
    private const int SumsAt = MostStages * NoteBytes, BarriersAt = SumsAt + (2 * AddRmsNormRow.SumBytes), RingAt = 2048;

    /// <summary>Bytes of a place.</summary>
    /// <param name="topK">K.</param>
    /// <param name="width">H.</param>
    /// <param name="size">Bytes of a number of parts.</param>
    public static int StageBytes(int topK, int width, int size) => width * (sizeof(float) + ((topK + 1) * size));

    /// <summary>
    /// As <see cref="AddRmsNormExperts.RunToTerms"/>, but that places, mix and gate are read behind the launch before, however early they are; H is at most 2,048, its bytes of
    /// parts a multiple of 16, and K at most <see cref="MostExperts"/>. There are no more groups than rows, and <paramref name="stages"/> places, as many as fit.
    /// </summary>
    [Kernel("add_rms_norm_experts_ring", AddRmsNormRow.Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = RingAt + RingBytes)]
    public static void Run(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("T", "H")] ArrayView<float> total,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", "P")] ArrayView<ushort> terms,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        [RowStride("gate")] int gateStride,
        [RowStride("output")] int outputStride,
        [Extent("P")] int packed,
        int stages,
        int isRead,
        float epsilon,
        int place) => Work<SplitTerms, F32Row, float>(
            residual, places, mix, parts, total, gate, weight, output, terms, faults, rows, topK, width, gateStride, outputStride, packed, stages, isRead, epsilon, place);

    /// <summary>The same where activations, and what experts gave, are rounded: half the bytes of a row, and two groups a multiprocessor, of which one adds up while the other waits.</summary>
    [Kernel("add_rms_norm_experts_ring_rounded", AddRmsNormRow.Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = RingAt + RoundedRingBytes, GroupsTogether = 2)]
    public static void Rounded(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<ushort> parts,
        [Shape("T", "H")] ArrayView<ushort> total,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", "P")] ArrayView<ushort> terms,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        [RowStride("gate")] int gateStride,
        [RowStride("output")] int outputStride,
        [Extent("P")] int packed,
        int stages,
        int isRead,
        float epsilon,
        int place) => Work<SingleTerm, BF16Row, ushort>(
            residual, places, mix, parts, total, gate, weight, output, terms, faults, rows, topK, width, gateStride, outputStride, packed, stages, isRead, epsilon, place);

    private static void Work<TTerms, TFormat, TElement>(
        ArrayView<float> residual,
        ArrayView<int> places,
        ArrayView<float> mix,
        ArrayView<TElement> parts,
        ArrayView<TElement> total,
        ArrayView<float> gate,
        ArrayView<float> weight,
        ArrayView<float> output,
        ArrayView<ushort> terms,
        ArrayView<int> faults,
        int rows,
        int topK,
        int width,
        int gateStride,
        int outputStride,
        int packed,
        int stages,
        int isRead,
        float epsilon,
        int place)
        where TTerms : struct, IActivationTerms
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        var x = new float[Four];
        var weights = new float[Four];
        var part = new uint[ExpertsCombine.Together * Four];
        uint memory = CudaShared.Base(), barriers = memory + BarriersAt;
        int thread = Group.IdxX, stageBytes = StageBytes(topK, width, TFormat.Size), partBytes = width * TFormat.Size;
        if (thread < stages)
        {
            // Each lane arrives for itself: what it notes beside the copies is there for who waits.
            AsyncBarrier.Initialize(barriers + (uint)(thread * 8), 32);
            AsyncBarrier.FenceInitialized();
        }

        AddRmsNormRow.Weights<OneRowPart>(weights, weight, thread * Four, width);
        Group.Barrier();
        DependentLaunch.Wait();
        DependentLaunch.Allow();
        Note own = default;
        if (thread < 32)
        {
            for (int stage = 0; stage < stages; stage++)
            {
                int row = Grid.IdxX + (stage * Grid.DimX);
                if (row < rows)
                {
                    own = Read(places, mix, gate, row, topK, gateStride);
                    Bring<TFormat, TElement>(memory, stage, stageBytes, own, residual, parts, total, row, topK, width);
                }
            }

            own = Read(places, mix, gate, Math.Min(Grid.IdxX + (stages * Grid.DimX), rows - 1), topK, gateStride);
        }

        int h = thread * Four, column = Math.Min(h, width - Four), turn = 0;
        RingPlace at = default;
        for (int row = Grid.IdxX; row < rows; row += Grid.DimX)
        {
            int before = thread == 0 && faults.Length > 0 ? faults[row] : 0;
            uint from = memory + RingAt + (uint)(at.Stage * stageBytes), note = memory + (uint)(at.Stage * NoteBytes), first = from + (uint)(width * sizeof(float));
            AsyncBarrier.Wait(barriers + (uint)(at.Stage * 8), at.Parity);
            float a = 0, b = 0, c = 0, d = 0, scale = SharedWords.Load(note + GateAt);
            for (int r = 0; r < topK; r += ExpertsCombine.Together)
            {
                for (int j = 0; j < ExpertsCombine.Together; j++)
                {
                    U4 four = TFormat.LoadShared(first + (uint)(Math.Min(r + j, topK - 1) * partBytes), column);
                    part[j * Four] = four.X;
                    part[(j * Four) + 1] = four.Y;
                    part[(j * Four) + 2] = four.Z;
                    part[(j * Four) + 3] = four.W;
                }

                for (int j = 0; j < ExpertsCombine.Together; j++)
                {
                    // All threads read the same word. Behind the last expert's lies nothing that counts.
                    uint word = note + (uint)((r + j) * sizeof(float));
                    float share = SharedWords.Load(word);
                    bool counts = r + j < topK && CudaShared.Load(word + FlagsAt) != 0;
                    a = counts ? Scalar.Fma(share, Interop.IntAsFloat(part[j * Four]), a) : a;
                    b = counts ? Scalar.Fma(share, Interop.IntAsFloat(part[(j * Four) + 1]), b) : b;
                    c = counts ? Scalar.Fma(share, Interop.IntAsFloat(part[(j * Four) + 2]), c) : c;
                    d = counts ? Scalar.Fma(share, Interop.IntAsFloat(part[(j * Four) + 3]), d) : d;
                }
            }

            U4 last = TFormat.LoadShared(first + (uint)(topK * partBytes), column), old = CudaShared.Load4(from + (uint)(column * sizeof(float)));
            a = Scalar.Fma(scale, Interop.IntAsFloat(last.X), a);
            b = Scalar.Fma(scale, Interop.IntAsFloat(last.Y), b);
            c = Scalar.Fma(scale, Interop.IntAsFloat(last.Z), c);
            d = Scalar.Fma(scale, Interop.IntAsFloat(last.W), d);
            AddRmsNormRow.Keep(x, 0, old, a, b, c, d, residual, ((long)row * width) + column, h < width);
            AddRmsNormRow.Norm<OneRowPart>(memory + SumsAt + (uint)(turn * AddRmsNormRow.SumBytes), x, weights, width, faults, row, before, epsilon, place);

            // All have met in the norm, so nobody reads the place any more.
            int next = row + (stages * Grid.DimX);
            if (thread < 32 && next < rows)
            {
                Bring<TFormat, TElement>(memory, at.Stage, stageBytes, own, residual, parts, total, next, topK, width);
                own = Read(places, mix, gate, Math.Min(next + Grid.DimX, rows - 1), topK, gateStride);
            }

            if (isRead != 0)
            {
                AddRmsNormRow.Store<OneRowPart>(x, width, output, (long)row * outputStride);
            }

            AddRmsNormTerms.Round<OneRowPart, TTerms>(x, width, packed / TTerms.Count, terms, (long)row * packed);
            turn ^= 1;
            at = RingPlace.Next(at, stages);
        }
    }

    // Of a row, what a lane says of its expert; the row's gate is in all of them, of which the first leaves it.
    private static Note Read(ArrayView<int> places, ArrayView<float> mix, ArrayView<float> gate, int row, int topK, int gateStride)
    {
        int lane = Group.IdxX;
        long entry = ((long)row * topK) + Math.Min(lane, topK - 1);
        Note note = default;
        note.Place = places[entry];
        note.Share = mix[entry];
        note.Gate = gate[(long)row * gateStride];
        return note;
    }

    private static void Bring<TFormat, TElement>(
        uint memory, int stage, int stageBytes, Note own, ArrayView<float> residual, ArrayView<TElement> parts, ArrayView<TElement> total, int row, int topK, int width)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        int lane = Group.IdxX;
        uint at = memory + RingAt + (uint)(stage * stageBytes), note = memory + (uint)(stage * NoteBytes), barrier = memory + BarriersAt + (uint)(stage * 8);
        if (lane < topK)
        {
            SharedWords.Store(note + (uint)(lane * sizeof(float)), own.Share);
            CudaShared.Store(note + FlagsAt + (uint)(lane * sizeof(int)), own.Place >= 0 ? 1u : 0u);
        }

        if (lane == 0)
        {
            SharedWords.Store(note + GateAt, GateMath.Sigmoid(own.Gate));
            AsyncBarrier.ArriveExpecting(barrier, stageBytes);
        }
        else
        {
            AsyncBarrier.Arrive(barrier);
        }

        Lanes.Together();
        uint to = at + (uint)((width * sizeof(float)) + (lane * width * TFormat.Size));
        if (lane < topK)
        {
            // Some place is read where there is none: as many bytes come for every row.
            TFormat.Bring(to, parts, (long)Math.Max(own.Place, 0) * width, width, barrier);
        }
        else if (lane == topK)
        {
            TFormat.Bring(to, total, (long)row * width, width, barrier);
        }
        else if (lane == topK + 1)
        {
            TensorCopy.LoadRun(at, ref residual[(long)row * width], width * sizeof(float), barrier);
        }
    }

    private struct Note
    {
        public int Place;
        public float Share;
        public float Gate;
    }
}
