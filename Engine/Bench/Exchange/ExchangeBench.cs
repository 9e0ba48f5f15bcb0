using System.Diagnostics;
using Lean.Comm;
using Lean.Engine.Bench.Ops;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Exchange;

/// <summary>
/// Sums over devices of this process: each way's bits are compared first and again after it was timed, then many exchanges
/// are captured and replayed on all devices at once.
/// </summary>
internal sealed class ExchangeBench : IDisposable
{
    // A card that is alone with a hung exchange never comes back by itself.
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    // Sums in place double what two ranks hold; the parts come back before they leave f32.
    private const int Replays = 10;

    private static readonly ExchangeWay[] s_ways = Enum.GetValues<ExchangeWay>();

    private readonly CudaDevice[] _devices;
    private readonly PeerExchange _exchange;
    private readonly ExchangeRank[] _ranks;
    private readonly int _width;
    private bool _isBroken;

    /// <param name="devices">How many, from cuda:0 on.</param>
    /// <param name="rows">The most rows.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="library">NCCL, or null.</param>
    /// <exception cref="InputException">There are not so many devices.</exception>
    /// <exception cref="MachineException">They do not reach each other's memory, or failed.</exception>
    public ExchangeBench(int devices, int rows, int width, CclLibrary? library)
    {
        _width = width;
        _devices = [.. Enumerable.Range(0, devices).Select(CudaDevices.Open)];
        _exchange = new PeerExchange(_devices, ExchangeRank.Numbers(rows, width));
        _ranks = [.. _devices.Select((device, rank) => new ExchangeRank(device, _exchange[rank], rows, width))];
        if (library is not null)
        {
            byte[] id = library.NewId();
            Together(rank => _ranks[rank].Join(library, id));
        }
    }

    /// <summary>The devices.</summary>
    public string Description => $"{_devices.Length} × {_devices[0].Description}";

    /// <summary>Measures all ways that take so many rows.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="repeats">Measurements, whose median counts.</param>
    /// <param name="say">Is told what comes.</param>
    /// <exception cref="MachineException">Bits differ, or a device failed.</exception>
    public IReadOnlyList<ExchangeFigure> Measure(int rows, int repeats, Action<string> say)
    {
        var figures = new List<ExchangeFigure>();
        float[] sum = Sum(rows);
        foreach (ExchangeWay way in s_ways.Where(way => _ranks[0].Takes(way, rows)))
        {
            say($"{rows} rows: {way}");

            // NCCL's order among more than two ranks is its own.
            bool exact = _ranks.Length == 2 || way is not (ExchangeWay.Nccl or ExchangeWay.NcclThenNorm);
            Check(way, rows, sum, exact);
            figures.Add(new ExchangeFigure(rows, way, Time(way, rows, repeats)));
            Check(way, rows, sum, exact);
        }

        return figures;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // What hangs would hang here once more; the process ends.
        if (_isBroken)
        {
            return;
        }

        // Groups leave NCCL together.
        Together(rank => _ranks[rank].Dispose());
        _exchange.Dispose();
        Array.ForEach(_devices, static d => d.Dispose());
    }

    private Spread Time(ExchangeWay way, int rows, int repeats)
    {
        var microseconds = new double[_ranks.Length, repeats];
        using var meeting = new Barrier(_ranks.Length);
        Together(rank =>
        {
            using KernelGraph graph = _ranks[rank].Capture(way, rows);
            for (int repeat = -1; repeat < repeats; repeat++)
            {
                _ranks[rank].Reset(rows);
                Meet(meeting);
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < Replays; i++)
                {
                    graph.Launch();
                }

                _ranks[rank].Synchronize();
                if (repeat >= 0)
                {
                    microseconds[rank, repeat] = Stopwatch.GetElapsedTime(start).TotalMicroseconds / (Replays * ExchangeRank.Exchanges);
                }
            }
        });
        return Spread.Of(Enumerable.Range(0, repeats).Select(repeat => Enumerable.Range(0, _ranks.Length).Max(rank => microseconds[rank, repeat])));
    }

    private void Check(ExchangeWay way, int rows, float[] sum, bool exact)
    {
        var faults = new string?[_ranks.Length];
        Together(rank => faults[rank] = _ranks[rank].Check(way, rows, sum, exact));
        if (Array.Find(faults, static f => f is not null) is { } fault)
        {
            throw new MachineException(fault);
        }
    }

    private float[] Sum(int rows)
    {
        int count = rows * _width;
        using HostBuffer parts = new((long)_ranks.Length * count * sizeof(float)), sum = new((long)count * sizeof(float));
        Tensor all = parts.View(DType.F32, new Shape(_ranks.Length, count)), result = sum.View(DType.F32, new Shape(count));
        ExchangeRank.Parts(_ranks.Length, rows, _width).CopyTo(all.AsSpan<float>());
        ReferenceKernels.Create().PartSum.Run(all, result);
        return result.AsSpan<float>().ToArray();
    }

    private static void Meet(Barrier meeting)
    {
        if (!meeting.SignalAndWait(s_limit))
        {
            throw new MachineException("the other ranks' threads did not come");
        }
    }

    // A thread for each rank; where one fails or hangs the others are made to leave.
    private void Together(Action<int> work)
    {
        var failures = new Exception?[_devices.Length];
        Thread[] threads = [.. Enumerable.Range(0, _devices.Length).Select(rank => new Thread(() =>
        {
            try
            {
                work(rank);
            }
#pragma warning disable CA1031 // Whatever ends a rank is thrown once all have ended.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                failures[rank] = failure;
                _exchange.Abort();
            }
        }) { IsBackground = true })];
        Array.ForEach(threads, static t => t.Start());
        long start = Stopwatch.GetTimestamp();
        int late = Array.FindIndex(threads, t => !t.Join(TimeSpan.FromTicks(long.Max(0, (s_limit - Stopwatch.GetElapsedTime(start)).Ticks))));
        _isBroken |= late >= 0 || Array.Exists(failures, static f => f is not null);
        if (late >= 0)
        {
            _exchange.Abort();
            threads[late].Join(TimeSpan.FromSeconds(1));
        }

        if (Array.Find(failures, static f => f is MachineException) is { } told)
        {
            throw new MachineException(told.Message);
        }

        if (Array.Find(failures, static f => f is not null) is { } failed)
        {
            throw new InvalidOperationException($"a rank failed: {failed.Message}", failed);
        }

        if (late >= 0)
        {
            throw new MachineException($"{_devices[late].Name} was not done after {s_limit.TotalSeconds:F0} s; the ranks have counted {string.Join(", ", _ranks.Select(static r => r.Counted))} exchanges");
        }
    }
}
