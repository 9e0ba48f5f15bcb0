using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Where <see cref="DeltaNetHeads"/> has states in shared memory: stages of one state and of three rows of the past of q, of k and
/// of v, then two barriers of each stage: it is full, and what is in it is the new state.
/// </summary>
public static class DeltaNetStages
{
    /// <summary>How many.</summary>
    public const int Count = 3;

    /// <summary>Bytes of 128 numbers.</summary>
    public const int LineBytes = Dim * sizeof(float);

    /// <summary>Bytes of a state, with which a stage begins.</summary>
    public const int StateBytes = Dim * LineBytes;

    /// <summary>Bytes of a stage.</summary>
    public const int StageBytes = StateBytes + (3 * (Taps - 1) * LineBytes);

    /// <summary>Bytes of all, a multiple of 16.</summary>
    public const int Bytes = DoneAt + (Count * sizeof(long));

    private const int Dim = 128;
    private const int Taps = 4;
    private const int FullAt = Count * StageBytes;
    private const int DoneAt = FullAt + (Count * sizeof(long));
    private const int Slot = 3, Source = 4, Pitch = 5;

    /// <summary>The barrier at which a stage's bytes count.</summary>
    public static uint Full(uint memory, int stage) => memory + (uint)(FullAt + (stage * sizeof(long)));

    /// <summary>The barrier at which every thread arrives that has written its part of the new state.</summary>
    public static uint Done(uint memory, int stage) => memory + (uint)(DoneAt + (stage * sizeof(long)));

    /// <summary>Makes the barriers, by one thread; a group barrier must follow.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="threads">How many write a state.</param>
    public static void Make(uint memory, int threads)
    {
        for (int i = 0; i < Count; i++)
        {
            AsyncBarrier.Initialize(Full(memory, i), 1);
            AsyncBarrier.Initialize(Done(memory, i), threads);
        }

        AsyncBarrier.FenceInitialized();
    }

    /// <summary>Brings and takes the states of a group's value heads, by one thread: a stage is filled again when it has been emptied.</summary>
    /// <param name="history">f32 [slots, 3, C].</param>
    /// <param name="state">f32 [slots, heads, 128, 128].</param>
    /// <param name="segments">The sequences.</param>
    /// <param name="channels">C.</param>
    /// <param name="heads">Value heads.</param>
    /// <param name="sequences">How many.</param>
    /// <param name="columns">Of a segment.</param>
    /// <param name="settled">See <see cref="DeltaNetRows.Run"/>.</param>
    /// <param name="item">The group's first value head, by key heads, then by sequences.</param>
    /// <param name="end">The one behind its last.</param>
    /// <param name="memory">Shared memory.</param>
    public static void Carry<THeads>(
        ArrayView<float> history, ArrayView<float> state, ArrayView<int> segments, int channels, int heads, int sequences, int columns, int settled, int item, int end,
        uint memory)
        where THeads : struct, IValueHeads
    {
        if (settled == 0)
        {
            DependentLaunch.Wait();
        }

        int asked = item, free = 0;
        for (; asked < Math.Min(item + Count, end); asked++)
        {
            Bring<THeads>(history, state, segments, channels, heads, sequences, columns, asked, memory, free);
            free++;
        }

        DependentLaunch.Wait();
        free = Count;
        var place = default(RingPlace);
        for (; item < end; item++)
        {
            int pair = item / THeads.Count, keyHead = pair / sequences, segment = (pair - (keyHead * sequences)) * columns, rows = segments[segment + 1];
            long slot = segments[segment + Slot] + ((rows - 1) * Step(segments, segment, columns)), head = (keyHead * THeads.Count) + item - (pair * THeads.Count);
            AsyncBarrier.Wait(Done(memory, place.Stage), place.Parity);
            if (rows > 0)
            {
                TensorCopy.StoreRun(memory + (uint)(place.Stage * StageBytes), ref state[((slot * heads) + head) * (Dim * Dim)], StateBytes);
            }

            TensorCopy.Commit();
            if (free < Count && asked < end)
            {
                TensorCopy.WaitRead(1);
                Bring<THeads>(history, state, segments, channels, heads, sequences, columns, asked, memory, free);
                asked++;
            }

            free = place.Stage;
            place = RingPlace.Next(place, Count);
        }

        TensorCopy.WaitRead(0);
    }

    /// <summary>From a row's slot to the next one's.</summary>
    public static long Step(ArrayView<int> segments, int segment, int columns)
    {
        long kept = segments[segment + (columns > Source ? Pitch : Slot)];
        return columns > Source ? kept : 0;
    }

    // What a value head of a sequence begins with. A sequence that begins, or has no rows, has none.
    private static void Bring<THeads>(
        ArrayView<float> history, ArrayView<float> state, ArrayView<int> segments, int channels, int heads, int sequences, int columns, int item, uint memory, int stage)
        where THeads : struct, IValueHeads
    {
        int pair = item / THeads.Count, keyHead = pair / sequences, segment = (pair - (keyHead * sequences)) * columns, keyHeads = heads / THeads.Count;
        int head = (keyHead * THeads.Count) + item - (pair * THeads.Count);
        long source = segments[segment + (columns > Source ? Source : Slot)];
        uint full = Full(memory, stage), to = memory + (uint)(stage * StageBytes);
        if (segments[segment + 1] == 0 || segments[segment + 2] == 0)
        {
            AsyncBarrier.Arrive(full);
        }
        else
        {
            AsyncBarrier.ArriveExpecting(full, StageBytes);
            TensorCopy.LoadRun(to, ref state[((source * heads) + head) * (Dim * Dim)], StateBytes, full);
            for (int i = 0; i < 3 * (Taps - 1); i++)
            {
                int third = i / (Taps - 1), first = ((third * keyHeads) + (third == 2 ? head : keyHead)) * Dim;
                TensorCopy.LoadRun(
                    to + (uint)(StateBytes + (i * LineBytes)), ref history[(((source * (Taps - 1)) + (i % (Taps - 1))) * channels) + first], LineBytes, full);
            }
        }
    }
}
