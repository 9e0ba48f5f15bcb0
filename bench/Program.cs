using Lean.Bench.Comm;
using Lean.Bench.Kernels;
using Lean.Bench.Results;

switch (args)
{
    case ["kernels", .. string[] rest]:
        return KernelSuite.Run(rest);
    case ["comm"]:
        return RecorderBench.Run(save: false);
    case ["comm", "--save"]:
        return RecorderBench.Run(save: true);
    case ["charts"]:
        Console.WriteLine($"{ResultFiles.DrawAll()} drawn");
        return 0;
    default:
        Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- kernels [--save NOTE] [--wait MINUTES] [BenchmarkDotNet options] | comm [--save] | charts");
        return 2;
}
