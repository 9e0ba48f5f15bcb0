using System.Text;
using System.Text.Json;
using Lean.Engine.Bench.Ops;
using Lean.Engine.Cli;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Bench;

/// <summary>Runs beside gates, peers and other runs, with figures of the tests' own.</summary>
public sealed class GateTests
{
    private static readonly Ceilings Best = new(Read: 100, Copy: 80, Flops: 1000, Bytes: 1);
    private static readonly OpRun Run = new("cuda:0 NVIDIA H200, CUDA 13.0, sm_90", "cuda:0", ["m"], Quick: false, 3, 1, 1, KernelClock: true, Best, []);

    [Fact]
    public void A_run_passes_its_own_gates_and_a_slower_one_says_which_ops_fell()
    {
        OpFigure[] first = [Figure("router", 1, 4), Figure("router", 64, 8), Figure("experts", 64, 16)];
        OpGate gate = Saved(first);
        Assert.Equal("NVIDIA H200", gate.Device);
        gate.Check(Run);
        gate.Check(Run with { Device = "cuda:1 NVIDIA H200, CUDA 14.1, sm_90", DeviceName = "cuda:1" });
        Assert.Empty(gate.Fallen(first, Best, out int held));
        Assert.Equal(3, held);

        // A tenth may be lost, not more; whether the clocks are others does not matter, since the ceilings are too.
        OpFigure[] second = [Figure("router", 1, 4.3), Figure("router", 64, 9), Figure("experts", 64, 8, fault: "NaN")];
        Assert.Equal(
            [
                "router 257×2048, 64 generated rows: 22.22 % of the ceiling, expected at least 22.5 % (25 % less 0.1 of it)",
                "experts 257×2048, 64 generated rows: no figure any more, the check is red: NaN",
            ],
            gate.Fallen(second, Best, out _));
        Assert.Equal(3, gate.Fallen([Figure("router", 1, 2.1), Figure("router", 64, 4.1), Figure("experts", 64, 8.2)], Best with { Read = 500, Copy = 500 }, out _).Count);
        Assert.Empty(gate.Fallen([Figure("router", 64, 2)], Best with { Read = 400 }, out held));
        Assert.Equal(1, held);
    }

    [Fact]
    public void Short_and_unsteady_ops_may_lose_more()
    {
        Assert.Equal(0.4, Assert.Single(Saved([Figure("router", 1, 5e-6)]).Entries).Tolerance);
        OpFigure unsteady = Figure("router", 1, 4) with { Seconds = new Spread(4, 3, 6, 3) };
        Assert.Equal(0.5, Assert.Single(Saved([unsteady]).Entries).Tolerance);
        Assert.Empty(Saved([Figure("router", 1, 4, fault: "red"), Figure("router", 4, 5000)]).Entries);
    }

    [Fact]
    public void A_gate_is_a_line()
    {
        string[] lines = Encoding.UTF8.GetString(JsonLine.Bytes(json => OpGate.Write(json, Run, [Figure("router", 1, 4), Figure("router", 4, 4)]))).TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.All(lines[1..], static line => Assert.StartsWith("{\"op\":\"router\",\"shape\":\"257×2048\"", line, StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_that_fell_is_no_gate_for_later_ones()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "as before");
            using (OutputFile saved = OutputFile.Open("--save-gate", path))
            using (var outputs = new OpOutputs(null, null, null, saved) { Gate = Saved([Figure("router", 1, 4)]) })
            {
                Assert.Throws<MachineException>(() => outputs.Write(Run, [Figure("router", 1, 8)]));
            }

            Assert.Equal("as before", File.ReadAllText(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Gates_of_another_device_or_of_nothing_here_are_refused()
    {
        OpGate gate = Saved([Figure("router", 1, 4)]);
        Assert.Contains("NVIDIA H200", Assert.Throws<InputException>(() => gate.Check(Run with { Device = "cpu avx512, 2 threads" })).Message, StringComparison.Ordinal);
        OpRun rounded = Run with { Device = $"{Run.Device}, bf16 activations" };
        Assert.Equal("NVIDIA H200, bf16 activations", rounded.DeviceKind);
        gate.Check(rounded);
        Assert.Throws<InputException>(() => (gate with { Device = rounded.DeviceKind }).Check(Run));
        Assert.Contains("--quick", Assert.Throws<InputException>(() => gate.Check(Run with { Quick = true })).Message, StringComparison.Ordinal);
        Assert.Contains("none of its 1 ops", Assert.Throws<InputException>(() => gate.Fallen([Figure("router", 2, 4)], Best, out _)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "expected a JSON object")]
    [InlineData("""{"device":"x"}""", "expected a list 'gates'")]
    [InlineData("""{"gates":[]}""", "expected a text 'device'")]
    [InlineData("""{"device":"x","gates":[1]}""", "something else than objects")]
    [InlineData("""{"device":"x","gates":[{"op":"a","shape":"s","rows":0}]}""", "expected 'rows'")]
    [InlineData("""{"device":"x","gates":[{"op":"a","shape":"s","rows":1,"share":-1}]}""", "share is -1")]
    [InlineData("""{"device":"x","gates":[{"op":"a","shape":"s","rows":1,"share":1,"tolerance":1}]}""", "'tolerance'")]
    public void A_wrong_gate_is_told_in_a_sentence(string text, string words) =>
        Assert.Contains(words, Assert.Throws<InputException>(() => OfText(text, OpGate.Read)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"device":"x","figures":[]}""", "expected a text 'source'")]
    [InlineData("""{"device":"x","source":"s","figures":[{"peer":"p","ops":[],"us":{"1":2}}]}""", "'ops' of at least one")]
    [InlineData("""{"device":"x","source":"s","figures":[{"peer":"p","ops":["a"],"us":{"one":2}}]}""", "'one', expected a number of rows")]
    [InlineData("""{"device":"x","source":"s","figures":[{"peer":"p","ops":["a"],"us":{"1":0}}]}""", "1 is 0")]
    [InlineData("""{"device":"x","source":"s","figures":[{"peer":"p","ops":["a"],"us":{"1":1e300}}]}""", "expected a number from 1e-9 to 1e15")]
    [InlineData("""{"device":"x","source":"s\u001b[2J","figures":[]}""", "control characters")]
    public void Wrong_peers_are_told_in_a_sentence(string text, string words) =>
        Assert.Contains(words, Assert.Throws<InputException>(() => OfText(text, PeerSet.Read)).Message, StringComparison.Ordinal);

    [Fact]
    public void Peers_are_put_beside_the_ops_that_do_their_work()
    {
        PeerSet peers = OfText(
            """
            {"device":"NVIDIA H200","source":"a test","figures":[
            {"peer":"one","model":"m","ops":["router"],"us":{"1":2000000,"64":1e6}},
            {"peer":"two","ops":["router","experts"],"shape":"257×2048","class":"generated","us":{"64":12e6}},
            {"peer":"none","model":"other","ops":["router"],"us":{"1":1}},
            {"peer":"none","ops":["router","absent"],"us":{"64":1}},
            {"peer":"none","ops":["router"],"class":"prompt","us":{"64":1}}]}
            """, PeerSet.Read);
        OpFigure[] figures = [Figure("router", 1, 4), Figure("router", 64, 8), Figure("experts", 64, 16)];
        peers.Check(Run);
        Assert.Throws<InputException>(() => peers.Check(Run with { Device = "cpu" }));
        Assert.Equal([("one", 1, 2.0), ("one", 64, 8.0), ("two", 64, 2.0)], peers.Beside(figures).Select(static f => (f.Entry.Peer, f.Entry.Rows, f.Ratio)));
        using var text = new StringWriter();
        PeerTable.Print(text, peers, peers.Beside(figures));
        Assert.Contains("router + experts 257×2048, two", text.ToString(), StringComparison.Ordinal);

        // Another run, say by the JIT, is a peer too.
        string json = Encoding.UTF8.GetString(JsonLine.Bytes(j => OpJson.Write(j, Run with { Ceilings = new(1e11, 1e11, 1e12, 1) }, figures, peers)));
        Assert.Equal(3, JsonDocument.Parse(json).RootElement.GetProperty("peers").GetProperty("figures").GetArrayLength());
        PeerSet other = OfText(json, PeerSet.Read);
        Assert.Equal([("JIT", 0.5), ("JIT", 2.0)], other.Beside([Figure("router", 1, 2), Figure("experts", 64, 32)]).Select(static f => (f.Entry.Peer, f.Ratio)));
    }

    private static OpFigure Figure(string name, int rows, double seconds, string? fault = null) =>
        new OpFigure(name, "257×2048", ["m"], rows, RowClass.Generated, new Work(200, 500), null) with
        {
            Fault = fault,
            Seconds = fault is null ? new Spread(seconds, seconds, seconds, 3) : null,
        };

    private static OpGate Saved(OpFigure[] figures) => OfText(Encoding.UTF8.GetString(JsonLine.Bytes(json => OpGate.Write(json, Run, figures))), OpGate.Read);

    private static T OfText<T>(string text, Func<string, T> read)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            return read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
