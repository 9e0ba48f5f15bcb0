using System.Diagnostics;

namespace Lean.Engine.Tests.Fuzzing;

/// <summary>
/// Mutation with feedback: inputs that a reader accepts, and those it refuses in a way not seen before, join the ones
/// that further inputs are made from, so that mutation works its way past one check after the other.
/// </summary>
internal sealed class Fuzzer(FuzzTarget target, int seed)
{
    private const int MostFindings = 20;
    private const int MostKept = 4096;
    private const int MostWhole = 512;
    private const int MostFrames = 2000;

    // Far beyond what any input needs on a busy machine: only one that never ends gets here.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Mutator _mutator = new(seed, target.Words);
    private readonly List<byte[]> _corpus = [.. target.Seeds];
    private readonly List<byte[]> _whole = [.. target.Seeds];
    private readonly HashSet<string> _ways = [];
    private readonly HashSet<string> _faults = [];
    private readonly List<Finding> _findings = [];
    private byte[] _current = [];
    private long _accepted;
    private long _done;

    /// <summary>Tries the seeds, then as many mutations of them.</summary>
    /// <param name="inputs">How many mutations to try.</param>
    /// <param name="journal">A file that always holds the input under way, for the case that the process dies of it; or null.</param>
    public FuzzReport Run(long inputs, string? journal = null)
    {
        var watch = Stopwatch.StartNew();
        var worker = new Thread(() => Work(inputs, journal)) { IsBackground = true };
        worker.Start();
        long seen = -1;
        while (!worker.Join(Patience))
        {
            if (seen == Volatile.Read(ref _done))
            {
                _findings.Add(new Finding(target.Name, seen + 1, $"did not end within {Patience.TotalSeconds} s", _current));
                break;
            }

            seen = Volatile.Read(ref _done);
        }

        return new FuzzReport(target.Name, seed, _done, _accepted, _ways.Count, _corpus.Count, watch.Elapsed.TotalSeconds, _findings);
    }

    private void Work(long inputs, string? journal)
    {
        foreach (byte[] known in target.Seeds)
        {
            Verdict verdict = Verdict.Of(target, known);
            _ways.Add(verdict.Way);
            if (verdict.Way != Verdict.Accepted || verdict.Fault is not null)
            {
                _findings.Add(new Finding(target.Name, 0, $"a seed was not accepted: {verdict.Way} {verdict.Fault}", known));
            }
        }

        while (_done < inputs && _findings.Count < MostFindings)
        {
            _current = _mutator.Mutate(Pick(), Pick());
            if (journal is not null)
            {
                File.WriteAllBytes(journal, _current);
            }

            Judge(_current);
            Volatile.Write(ref _done, _done + 1);
        }
    }

    // From something whole more often than from something broken: what is broken early hides the checks behind.
    private byte[] Pick()
    {
        List<byte[]> from = _mutator.Next(4) > 0 ? _whole : _corpus;
        return from[_mutator.Next(from.Count)];
    }

    private void Judge(byte[] input)
    {
        Verdict verdict = Verdict.Of(target, input);
        if (verdict.Way == Verdict.Accepted)
        {
            _accepted++;
            Keep(input);
        }

        if (_ways.Count < MostKept && _ways.Add(verdict.Way))
        {
            _corpus.Add(input);
        }

        // The same fault a second time tells nothing.
        if (verdict.Fault is { } fault && _faults.Add(verdict.Kind))
        {
            string what = fault.Length > MostFrames ? fault[..MostFrames] : fault;
            _findings.Add(new Finding(target.Name, _done + 1, what, Reduce(input, verdict.Kind)));
        }
    }

    private void Keep(byte[] input)
    {
        if (_whole.Count < MostWhole)
        {
            _whole.Add(input);
        }
        else
        {
            // The seeds stay.
            _whole[target.Seeds.Count + _mutator.Next(MostWhole - target.Seeds.Count)] = input;
        }
    }

    // Takes ever smaller stretches out as long as the fault stays.
    private byte[] Reduce(byte[] input, string kind)
    {
        for (int length = input.Length / 2; length > 0; length /= 2)
        {
            for (int at = 0; at + length <= input.Length;)
            {
                byte[] shorter = [.. input[..at], .. input[(at + length)..]];
                if (Verdict.Of(target, shorter).Kind == kind)
                {
                    input = shorter;
                }
                else
                {
                    at += length;
                }
            }
        }

        return input;
    }
}
