using System.Globalization;
using System.Text;
using System.Text.Json;
using Lean.Engine.Tests.Fuzzing.Targets;

namespace Lean.Engine.Tests.Fuzzing;

/// <summary>
/// A few thousand broken inputs for each reader. bench/fuzz.sh sets LEAN_FUZZ_INPUTS, LEAN_FUZZ_SEED and
/// LEAN_FUZZ_REPORT for a long run of the same.
/// </summary>
public sealed class FuzzTests
{
    private const int FewInputs = 1500;
    private const int FewestWays = 6;

    [Theory]
    [InlineData("safetensors")]
    [InlineData("shard index")]
    [InlineData("config")]
    [InlineData("tokenizer")]
    [InlineData("jinja")]
    public void Whatever_the_bytes_are_the_reader_takes_them_or_refuses_them_in_a_sentence(string name)
    {
        using FuzzTarget target = Create(name);
        long inputs = Setting("LEAN_FUZZ_INPUTS") ?? FewInputs;
        string? folder = Environment.GetEnvironmentVariable("LEAN_FUZZ_REPORT");
        string? journal = folder is null ? null : Path.Combine(Directory.CreateDirectory(folder).FullName, $"{Slug(name)}.input");
        FuzzReport report = new Fuzzer(target, (int)(Setting("LEAN_FUZZ_SEED") ?? 1)).Run(inputs, journal);
        if (folder is not null)
        {
            File.Delete(journal!);
            File.WriteAllText(Path.Combine(folder, $"{Slug(name)}.json"), Json(report));
        }

        Assert.True(report.Findings.Count == 0, string.Join("\n\n", report.Findings.Select(Describe)));
        Assert.Equal(inputs, report.Inputs);

        // Mutation that only ever meets the first check would find nothing because it tries nothing.
        Assert.InRange(report.Refusals, FewestWays, int.MaxValue);
        Assert.InRange(report.Accepted, 1, inputs);
    }

    [Fact]
    public void A_reader_that_throws_what_it_should_not_is_found_and_the_input_reduced()
    {
        using var target = new PlantedTarget();
        FuzzReport report = new Fuzzer(target, seed: 1).Run(20_000);
        Finding finding = Assert.Single(report.Findings);
        Assert.Contains(nameof(IndexOutOfRangeException), finding.What, StringComparison.Ordinal);
        Assert.Equal("[["u8, finding.Input);
    }

    private static FuzzTarget Create(string name) => name switch
    {
        "safetensors" => new SafetensorsTarget(),
        "shard index" => new ShardIndexTarget(),
        "config" => new ConfigTarget(),
        "tokenizer" => new TokenizerTarget(),
        "jinja" => new JinjaTarget(),
        _ => throw new ArgumentException(name, nameof(name)),
    };

    private static long? Setting(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? long.Parse(value, CultureInfo.InvariantCulture) : null;

    private static string Slug(string name) => name.Replace(' ', '-');

    private static string Describe(Finding finding) =>
        $"{finding.Target}, input {finding.Number}: {finding.What}\n{Encoding.UTF8.GetString(finding.Input)}\nbase64: {Convert.ToBase64String(finding.Input)}";

    private static string Json(FuzzReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("target", report.Target);
            json.WriteNumber("seed", report.Seed);
            json.WriteNumber("inputs", report.Inputs);
            json.WriteNumber("accepted", report.Accepted);
            json.WriteNumber("ways", report.Refusals);
            json.WriteNumber("corpus", report.Corpus);
            json.WriteNumber("seconds", Math.Round(report.Seconds, 1));
            json.WriteStartArray("findings");
            foreach (Finding finding in report.Findings)
            {
                json.WriteStartObject();
                json.WriteNumber("input", finding.Number);
                json.WriteString("what", finding.What);
                json.WriteBase64String("bytes", finding.Input);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}
