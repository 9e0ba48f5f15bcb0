using System.Buffers;
using System.Reflection;
using System.Runtime.InteropServices;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Ranks;

/// <summary>Every part of a step comes to other processes as it was: whoever adds one has to send it.</summary>
public sealed class StepImageTests
{
    [Fact]
    public void All_of_a_step_comes_back()
    {
        using var memory = new HostBuffer(1 << 16);
        int next = 1;
        object sampling = Filled(typeof(SamplingRows), memory, ref next), batch = Filled(typeof(PlannedBatch), memory, ref next);
        typeof(SamplingRows).GetProperty(nameof(SamplingRows.Adjustments))!.SetValue(sampling, Filled(typeof(LogitAdjustments), memory, ref next));
        var cuts = new StateCuts(rows: 256, sequences: 2, restores: 2);
        cuts.Restore(new StateCopy(7, 8));
        cuts.Add(new StateCuts.Cut(0, 64, 0, new StateCopy(0, 9)));
        cuts.Add(new StateCuts.Cut(0, 128, 1, new StateCopy(0, 10)));
        int[] first = new int[Segments.Columns], later = new int[8 * Segments.Columns];
        Assert.Equal(2, cuts.Build([0, 192, 0, 0], first, later));
        cuts.AddEnd(new StateCuts.Cut(1, 64, 2, new StateCopy(3, 11)));
        typeof(PlannedBatch).GetProperty(nameof(PlannedBatch.Cuts))!.SetValue(batch, cuts);
        var image = new StepImage { Batch = (PlannedBatch)batch, Sampling = (SamplingRows)sampling, Cuts = cuts, DraftsRead = 3 };

        var bytes = new ArrayBufferWriter<byte>();
        StepImageFormat.Write(image, [], bytes);
        using var arena = new Arena();
        StepImage read = StepImageFormat.Read(bytes.WrittenSpan, arena);

        Assert.Equal(3, read.DraftsRead);
        MustBe(image.Batch, read.Batch);
        MustBe(image.Sampling, read.Sampling);
        MustBe(image.Sampling.Adjustments, read.Sampling.Adjustments);
        Assert.Equal(cuts.Restores.ToArray(), read.Cuts.Restores.ToArray());
        Assert.Equal(cuts.Waves, read.Cuts.Waves);
        for (int wave = 0; wave < cuts.Waves; wave++)
        {
            Assert.Equal(cuts.Copies(wave).ToArray(), read.Cuts.Copies(wave).ToArray());
            Assert.Equal(cuts.Pieces(wave), read.Cuts.Pieces(wave));
        }

        Assert.Equal([.. cuts.Ends.ToArray().Select(static e => e.Copy)], read.Cuts.Ends.ToArray().Select(static e => e.Copy).ToArray());
    }

    [Fact]
    public void Bytes_that_are_no_step_are_refused()
    {
        using var memory = new HostBuffer(1 << 16);
        int next = 1;
        var image = new StepImage { Batch = (PlannedBatch)Filled(typeof(PlannedBatch), memory, ref next), Sampling = (SamplingRows)Filled(typeof(SamplingRows), memory, ref next), Cuts = new StateCuts(64, 1, 1), DraftsRead = 0 };
        var bytes = new ArrayBufferWriter<byte>();
        StepImageFormat.Write(image, [], bytes);
        using var arena = new Arena();
        for (int length = 0; length < bytes.WrittenCount; length += 3)
        {
            Assert.Throws<MachineException>(() => StepImageFormat.Read(bytes.WrittenSpan[..length], arena));
        }

        Assert.Throws<MachineException>(() => StepImageFormat.Read([.. bytes.WrittenSpan, 0], arena));

        // The first tensor with extents whose product overflows to nothing, and with one below zero beside one that is none.
        Tensor planned = image.Batch.Planned;
        ReadOnlySpan<int> known = [planned.Shape.Rank, (int)DType.I32, .. Enumerable.Range(0, planned.Shape.Rank).Select(d => (int)planned.Shape[d]), .. planned.AsSpan<int>()];
        int place = bytes.WrittenSpan.IndexOf(MemoryMarshal.AsBytes(known)), end = place + (known.Length * sizeof(int));
        Assert.True(place > 0);
        foreach (int[] extents in (int[][])[[1 << 30, 1 << 30, 16], [-1, 0]])
        {
            ReadOnlySpan<int> words = [extents.Length, (int)DType.I32, .. extents];
            byte[] broken = [.. bytes.WrittenSpan[..place], .. MemoryMarshal.AsBytes(words), .. bytes.WrittenSpan[end..]];
            Assert.Throws<MachineException>(() => StepImageFormat.Read(broken, arena));
        }
    }

    // A value of the type whose every tensor, number and flag is set, each to something else.
    private static object Filled(Type type, HostBuffer memory, ref int next)
    {
        object value = Activator.CreateInstance(type)!;
        foreach (PropertyInfo property in type.GetProperties().Where(static p => p.CanWrite))
        {
            int number = next++;
            object? content = property.PropertyType == typeof(int) ? number
                : property.PropertyType == typeof(bool) ? true
                : property.PropertyType == typeof(DraftCounts) ? DraftCounts.Of([9, 7, 7, 2])
                : property.PropertyType == typeof(Tensor) ? Numbers(memory, number)
                : null;
            if (content is not null)
            {
                property.SetValue(value, content);
            }
        }

        return value;
    }

    private static Tensor Numbers(HostBuffer memory, int number)
    {
        Tensor tensor = memory.View(DType.I32, number % 2 == 0 ? new Shape(number) : new Shape(3, number), number * 1024L);
        tensor.AsSpan<int>().Fill(number);
        return tensor;
    }

    private static void MustBe<T>(T expected, T found) where T : struct
    {
        foreach (PropertyInfo property in typeof(T).GetProperties().Where(static p => p.CanWrite))
        {
            object? e = property.GetValue(expected), f = property.GetValue(found);
            if (e is Tensor wanted)
            {
                Tensor got = Assert.IsType<Tensor>(f);
                Assert.True(!got.IsEmpty && wanted.Type == got.Type && wanted.Shape == got.Shape, $"{typeof(T).Name}.{property.Name} is {got}, expected {wanted}");
                Assert.Equal(wanted.AsSpan<int>().ToArray(), got.AsSpan<int>().ToArray());
            }
            else if (e is int or bool or DraftCounts)
            {
                Assert.Equal(e, f);
            }
        }
    }
}
